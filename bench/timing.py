"""`python -m bench.timing`: does the time of an answer tell who has an account? Against a real gunicorn, with the real hash."""

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
from .people import ENCODED
from .servers import THREADS, Application, Server, redis_server, serve

PROMISE = 1.5
PEOPLE = {
    "unknown": "no account has this name",
    "known": "an active account",
    "inactive": "an account that was switched off",
    "no password": "an account that cannot sign in by password",
    "reset under way": "an active account to which a code was mailed",
    "imported": "an account with a PBKDF2 hash of Django's default cost, not upgraded yet",
    "imported from bcrypt": "an account with a bcrypt hash of cost 10, not upgraded yet",
    "damaged": "an account whose stored hash is damaged",
}
FORGIVE = SQL("UPDATE accounts_passwordreset SET wrong_tries = 0")  # or the code that is out would be ended by the fifth guess


@dataclass(frozen=True)
class Door:
    name: str
    path: str
    body: dict[str, str]
    refused: bool  # whether this is a guess, which is refused

    def ask(self, connection: http.client.HTTPConnection, address: str) -> float:
        """How long the answer takes, in milliseconds."""
        body = json.dumps({field: value.format(address) for field, value in self.body.items()})
        begun = time.perf_counter()
        connection.request("POST", self.path.format(quote(address)), body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - begun
        if answer.status != (401 if self.refused else 200):
            raise SystemExit(f"{self.name} of {address} was answered {answer.status}.")
        return took * 1000


GUESS = "not the password of anybody here"
DOORS = [
    Door("login", "/api/v1/auth/login", {"username": "{}", "password": GUESS}, refused=True),
    Door("code", "/v1/forgot-password-confirm", {"username": "{}", "password": GUESS, "confirmation_code": "6MadrbRF"}, refused=True),
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
        environment = authsvc_environment(database, redis, folder) | {"FORGOT_RATE_PER_ADDRESS": "1000000/1h"}
        application = Application("authsvc", "authsvc.settings", "authsvc.wsgi:application", environment)
        application.run("bench.timing", "--make-people")
        serving = stack.enter_context(serve(application, asked.worker, folder / "log"))
        return report([(door, measure(serving, database, door, asked.rounds)) for door in DOORS])


def measure(server: Server, database: str, door: Door, rounds: int) -> dict[str, float]:
    """The median of each kind of name, asked in turn and in another order each time, so that drift falls on all alike."""
    times: dict[str, list[float]] = {kind: [] for kind in PEOPLE}
    for number in range(-3, rounds):  # the first three are for warming up
        postgres.execute(database, FORGIVE)
        for kind in random.sample(list(PEOPLE), len(PEOPLE)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.connect()
            took = door.ask(connection, address(kind))
            connection.close()
            if number >= 0:
                times[kind].append(took)
    return {kind: median(each) for kind, each in times.items()}


def report(medians: list[tuple[Door, dict[str, float]]]) -> int:
    kept = True
    for door, times in medians:
        print(f"\n{door.name}: POST {door.path}")
        for kind, took in times.items():
            ratio = max(took / times["unknown"], times["unknown"] / took)
            kept = kept and ratio < PROMISE
            verdict = "" if kind == "unknown" else f"   {ratio:5.2f}   {'kept' if ratio < PROMISE else 'BROKEN'}"
            print(f"  {kind:20} {took:8.2f} ms{verdict}")
    print(f"\nPromised is a ratio to the unknown below {PROMISE}.")
    return 0 if kept else 1


def address(kind: str) -> str:
    return f"{kind.replace(' ', '.')}@example.com"


def make_people() -> None:
    import bcrypt
    import django

    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command

    from accounts import passwords
    from accounts.models import User

    call_command("migrate", verbosity=0)
    hashes = {
        "no password": make_password(None),
        "imported": make_password(GUESS[::-1], hasher="pbkdf2_sha256"),
        "imported from bcrypt": "bcrypt$" + bcrypt.hashpw(GUESS[::-1].encode(), bcrypt.gensalt(10)).decode(),
        "damaged": "pbkdf2_sha256$1000000$",
    }
    for kind in PEOPLE.keys() - {"unknown"}:
        encoded = hashes.get(kind, ENCODED)
        name = kind.replace(" ", ".")
        user = User.objects.create(username=name, email=address(kind), password=encoded, is_active=kind != "inactive")
        if kind == "reset under way":
            passwords.make_reset(user)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="how often each kind of name is asked for at each door (60)")
    parser.add_argument("--worker", choices=list(THREADS), default="gthread", help="gunicorn's kind of worker (gthread)")
    return parser.parse_args()


if __name__ == "__main__":
    if "--make-people" in sys.argv:
        make_people()
    else:
        sys.exit(main())
