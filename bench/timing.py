"""``python -m bench.timing``: test whether response times tell who has an account.

It runs against a real gunicorn, with the real hash.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

from psycopg.sql import SQL

from . import postgres
from .__main__ import authsvc_environment
from .servers import THREADS, Application, Server, redis_server, serve

MAX_RATIO = 1.5
ARGON2, PBKDF2, BCRYPT = "Argon2id", "PBKDF2", "bcrypt"
UserKind = tuple[str, str]  # state, and the algorithm of the hash that a wrong password costs
USER_KINDS: list[UserKind] = [
    ("unknown", ARGON2),  # no account has this name; its digest picks the algorithm
    ("known", ARGON2),
    ("inactive", ARGON2),
    ("reset under way", ARGON2),  # a code was mailed
    ("no password", ARGON2),  # the name picks the algorithm here too
    ("damaged", ARGON2),  # and here
    ("unknown", PBKDF2),
    ("imported", PBKDF2),  # Django's default cost, not upgraded yet
    ("no password", PBKDF2),
    ("unknown", BCRYPT),
    ("imported", BCRYPT),  # cost 10
    ("damaged", BCRYPT),
]
UNKNOWN_NAMES = 3000  # of which the algorithms are counted
# The fifth wrong code would end the reset.
CLEAR_WRONG_TRIES = SQL("UPDATE accounts_passwordreset SET wrong_tries = 0")


@dataclass(frozen=True)
class Endpoint:
    name: str
    path: str
    body: dict[str, str]
    refused: bool  # whether the request carries a wrong secret

    def ask(self, connection: http.client.HTTPConnection, address: str) -> float:
        """Return the time of the response, in milliseconds."""
        body = json.dumps({field: value.format(address) for field, value in self.body.items()})
        begun = time.perf_counter()
        connection.request(
            "POST", self.path.format(quote(address)), body, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - begun
        if answer.status != (401 if self.refused else 200):
            raise SystemExit(f"{self.name} of {address} was answered {answer.status}.")
        return took * 1000


WRONG_PASSWORD = "not the password of any user"
ENDPOINTS = [
    Endpoint(
        "login", "/api/v1/auth/login", {"username": "{}", "password": WRONG_PASSWORD}, refused=True
    ),
    Endpoint(
        "code",
        "/v1/forgot-password-confirm",
        {"username": "{}", "password": WRONG_PASSWORD, "confirmation_code": "6MadrbRF"},
        refused=True,
    ),
    Endpoint("forgot, bearer", "/api/v1/auth/forgot-password", {"email": "{}"}, refused=False),
    Endpoint("forgot, form", "/api/v1/auth/password-recovery/{}", {}, refused=False),
    Endpoint("forgot, challenge", "/v1/forgot-password", {"username": "{}"}, refused=False),
]


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-timing-")))
        server = stack.enter_context(postgres.server())
        database = stack.enter_context(postgres.database(server, "timing"))
        redis = stack.enter_context(redis_server(folder))
        environment = authsvc_environment(database, redis, folder) | {
            "FORGOT_RATE_PER_ADDRESS": "1000000/1h"
        }
        application = Application(
            "authsvc", "authsvc.settings", "authsvc.wsgi:application", environment
        )
        application.run("bench.timing_users", str(folder / "users.json"))
        made = json.loads((folder / "users.json").read_text())
        addresses = {(state, algorithm): email for state, algorithm, email in made["addresses"]}
        serving = stack.enter_context(serve(application, options.worker, folder / "log"))
        kept = report(
            [
                (endpoint, measure(serving, database, endpoint, options.rounds, addresses))
                for endpoint in ENDPOINTS
            ]
        )
        return 0 if report_shares(made["shares"]) and kept else 1


def measure(
    server: Server, database: str, endpoint: Endpoint, rounds: int, addresses: dict[UserKind, str]
) -> dict[UserKind, float]:
    """Return the median time for each kind of name, requested in turn and in changing order.

    So drift of the machine affects all kinds alike.
    """
    times: dict[UserKind, list[float]] = {kind: [] for kind in addresses}
    for number in range(-3, rounds):  # the first three are for warming up
        postgres.execute(database, CLEAR_WRONG_TRIES)
        for kind in random.sample(list(addresses), len(addresses)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.connect()
            took = endpoint.ask(connection, addresses[kind])
            connection.close()
            if number >= 0:
                times[kind].append(took)
    return {kind: median(each) for kind, each in times.items()}


def report(medians: list[tuple[Endpoint, dict[UserKind, float]]]) -> bool:
    """Compare each with the unknown names that cost a hash of the same algorithm."""
    kept = True
    for endpoint, times in medians:
        print(f"\n{endpoint.name}: POST {endpoint.path}")
        for (state, algorithm), took in times.items():
            unknown = times["unknown", algorithm]
            ratio = max(took / unknown, unknown / took)
            kept = kept and ratio < MAX_RATIO
            verdict = (
                ""
                if state == "unknown"
                else f"   {ratio:5.2f}   {'kept' if ratio < MAX_RATIO else 'BROKEN'}"
            )
            print(f"  {algorithm:9} {state:16} {took:8.2f} ms{verdict}")
    print(f"\nThe ratio to an unknown name of the same algorithm must stay below {MAX_RATIO}.")
    return kept


def report_shares(shares: list[tuple[str, float, float]]) -> bool:
    """Return whether the shares agree, within four standard deviations (0.006 % by chance)."""
    kept = True
    print(f"\nOf accounts, and of {UNKNOWN_NAMES} unknown names, cost")
    for kind, accounts, names in shares:
        near = abs(accounts - names) < 4 * (accounts * (1 - accounts) / UNKNOWN_NAMES) ** 0.5
        kept = kept and near
        print(f"  {kind:40} {accounts:6.1%} {names:6.1%}   {'kept' if near else 'BROKEN'}")
    return kept


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.timing", description=__doc__)
    parser.add_argument(
        "--rounds",
        type=int,
        default=60,
        help="how often each kind of name is requested at each endpoint (60)",
    )
    parser.add_argument(
        "--worker",
        choices=list(THREADS),
        default="gthread",
        help="gunicorn's kind of worker (gthread)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
