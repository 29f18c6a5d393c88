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
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from urllib.parse import quote

from psycopg.sql import SQL

from bench.accounts import ENCODED

from . import postgres
from .__main__ import authsvc_environment
from .servers import THREADS, Application, Server, redis_server, serve

PROMISE = 1.5
ARGON2, PBKDF2, BCRYPT = "Argon2id", "PBKDF2", "bcrypt"
USER_KINDS = [  # who is asked for, and the kind of hash that a wrong password then costs
    ("unknown", ARGON2),  # no account has this name; the digest of the name picks the kind
    ("known", ARGON2),
    ("inactive", ARGON2),
    ("reset under way", ARGON2),  # a code was mailed
    ("no password", ARGON2),  # the name picks the kind here too
    ("damaged", ARGON2),  # and here
    ("unknown", PBKDF2),
    ("imported", PBKDF2),  # Django's default cost, not upgraded yet
    ("no password", PBKDF2),
    ("unknown", BCRYPT),
    ("imported", BCRYPT),  # cost 10
    ("damaged", BCRYPT),
]
NAMES = 3000  # unknown names of which the kinds are counted
UserKind = tuple[str, str]
FORGIVE = SQL(
    "UPDATE accounts_passwordreset SET wrong_tries = 0"
)  # or the code that is out would be ended by the fifth guess


@dataclass(frozen=True)
class Door:
    name: str
    path: str
    body: dict[str, str]
    refused: bool  # whether this is a guess, which is refused

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


GUESS = "not the password of anybody here"
DOORS = [
    Door("login", "/api/v1/auth/login", {"username": "{}", "password": GUESS}, refused=True),
    Door(
        "code",
        "/v1/forgot-password-confirm",
        {"username": "{}", "password": GUESS, "confirmation_code": "6MadrbRF"},
        refused=True,
    ),
    Door("forgot, bearer", "/api/v1/auth/forgot-password", {"email": "{}"}, refused=False),
    Door("forgot, form", "/api/v1/auth/password-recovery/{}", {}, refused=False),
    Door("forgot, challenge", "/v1/forgot-password", {"username": "{}"}, refused=False),
]


def main() -> int:
    asked = arguments()
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
        application.run("bench.timing", "--make-users", str(folder / "users.json"))
        made = json.loads((folder / "users.json").read_text())
        addresses = {(kind, hash_): address for kind, hash_, address in made["addresses"]}
        serving = stack.enter_context(serve(application, asked.worker, folder / "log"))
        kept = report(
            [(door, measure(serving, database, door, asked.rounds, addresses)) for door in DOORS]
        )
        return 0 if report_shares(made["shares"]) and kept else 1


def measure(
    server: Server, database: str, door: Door, rounds: int, addresses: dict[UserKind, str]
) -> dict[UserKind, float]:
    """Return the median time for each kind of name, requested in turn and in changing order.

    So drift of the machine affects all kinds alike.
    """
    times: dict[UserKind, list[float]] = {kind_of_user: [] for kind_of_user in addresses}
    for number in range(-3, rounds):  # the first three are for warming up
        postgres.execute(database, FORGIVE)
        for kind_of_user in random.sample(list(addresses), len(addresses)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.connect()
            took = door.ask(connection, addresses[kind_of_user])
            connection.close()
            if number >= 0:
                times[kind_of_user].append(took)
    return {kind_of_user: median(each) for kind_of_user, each in times.items()}


def report(medians: list[tuple[Door, dict[UserKind, float]]]) -> bool:
    """Compare each with the unknown names that cost a hash of the same algorithm."""
    kept = True
    for door, times in medians:
        print(f"\n{door.name}: POST {door.path}")
        for (kind, hash_), took in times.items():
            unknown = times["unknown", hash_]
            ratio = max(took / unknown, unknown / took)
            kept = kept and ratio < PROMISE
            verdict = (
                ""
                if kind == "unknown"
                else f"   {ratio:5.2f}   {'kept' if ratio < PROMISE else 'BROKEN'}"
            )
            print(f"  {hash_:9} {kind:16} {took:8.2f} ms{verdict}")
    print(f"\nPromised is a ratio to the unknown of the same kind below {PROMISE}.")
    return kept


def report_shares(shares: list[tuple[str, float, float]]) -> bool:
    """By chance, four standard deviations happen one time in fifteen thousand."""
    kept = True
    print(f"\nOf accounts, and of {NAMES} unknown names, cost")
    for kind, accounts, names in shares:
        near = abs(accounts - names) < 4 * (accounts * (1 - accounts) / NAMES) ** 0.5
        kept = kept and near
        print(f"  {kind:40} {accounts:6.1%} {names:6.1%}   {'kept' if near else 'BROKEN'}")
    return kept


def make_users(file: Path) -> None:
    import bcrypt
    import django

    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command

    from accounts import password_reset
    from accounts.hashing import uniform_timing
    from accounts.models import User

    def costs(name: str) -> str:
        algorithm = uniform_timing.ranked(name, uniform_timing.shares())[0].algorithm
        return {"argon2": ARGON2, "pbkdf2_sha256": PBKDF2, "bcrypt": BCRYPT}[algorithm]

    def address(kind: str, hash_: str) -> str:
        """Return an address that picks this algorithm, for accounts without a hash of their own."""
        wanted = (
            f"{kind}.{hash_}{number}@example.com".replace(" ", ".").lower() for number in count()
        )
        return next(name for name in wanted if kind not in picking or costs(name) == hash_)

    call_command("migrate", verbosity=0)
    hashes = {
        ARGON2: ENCODED,
        PBKDF2: make_password(GUESS[::-1], hasher="pbkdf2_sha256"),
        BCRYPT: "bcrypt$" + bcrypt.hashpw(GUESS[::-1].encode(), bcrypt.gensalt(10)).decode(),
    }
    picking = {
        "unknown": "",
        "no password": make_password(None),
        "damaged": "pbkdf2_sha256$damaged",
    }
    addresses = []
    for kind, hash_ in sorted(
        USER_KINDS, key=lambda kind_of_user: kind_of_user[0] in picking
    ):  # these need to know what all others have
        chosen = address(kind, hash_)
        addresses.append((kind, hash_, chosen))
        if kind != "unknown":
            encoded = picking.get(kind, hashes[hash_])
            user = User.objects.create(
                username=chosen.partition("@")[0],
                email=chosen,
                password=encoded,
                is_active=kind != "inactive",
            )
            if kind == "reset under way":
                password_reset.make(user)
            uniform_timing.forget()
    of_accounts = {share.hash.kind: share.weight for share in uniform_timing.shares()}
    of_names = Counter(
        uniform_timing.ranked(f"somebody{number}", uniform_timing.shares())[0].kind
        for number in range(NAMES)
    )
    total = sum(of_accounts.values())
    shares = [
        (kind, weight / total, of_names[kind] / NAMES) for kind, weight in of_accounts.items()
    ]
    file.write_text(json.dumps({"addresses": addresses, "shares": shares}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.timing", description=__doc__)
    parser.add_argument(
        "--rounds",
        type=int,
        default=60,
        help="how often each kind of name is asked for at each door (60)",
    )
    parser.add_argument(
        "--worker",
        choices=list(THREADS),
        default="gthread",
        help="gunicorn's kind of worker (gthread)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    if "--make-users" in sys.argv:
        make_users(Path(sys.argv[-1]))
    else:
        sys.exit(main())
