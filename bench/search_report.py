"""``python -m bench.search``: time of the admin's lists and searches on large tables.

It runs on the system's own PostgreSQL, which has pg_trgm, with default settings. Each page is
opened through Django, and the time of all its statements is summed up: first on a new
connection, where nothing is planned or prepared, and then some more times.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from . import postgres

PROMISE = 200.0  # ms
TABLE = re.compile(r"INSERT INTO (\w+)")
ROWS = Path(__file__).with_suffix(".sql")
USERS, LIVE, SENT, ISSUED = (
    "accounts/user/",
    "accounts/session/",
    "accounts/outgoingmail/",
    "apikeys/apikey/",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument(
        "--users",
        type=int,
        default=1_000_000,
        help="accounts; three times as many sessions and events, as many mails and keys",
    )
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    with postgres.packaged() as address, tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DATABASE_URL": address,
            "DATA_DIR": folder,
            "SECRET_KEY": "a key of nothing that anybody has to keep secret",
            "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        }
        os.environ.pop("REDIS_URL", None)
        import django

        django.setup()
        fill(asked.users)
        kept = report(asked.users, asked.rounds)
        explain(asked.users)
        return kept


def fill(users: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    from accounts.db import trigram_indexes

    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for index in trigram_indexes.indexes:
            cursor.execute(f"DROP INDEX {index.name}")
        cursor.execute("SET session_replication_role = replica")  # which checks no foreign keys
        for statement in ROWS.read_text().replace(":users", str(users)).split(";\n")[:-1]:
            cursor.execute(statement)
            print(f"{cursor.rowcount:,} rows of {TABLE.findall(statement)[0]}", file=sys.stderr)
        cursor.execute("RESET session_replication_role")
        cursor.execute("SELECT setval('accounts_user_id_seq', %s)", [users])
        began = time.perf_counter()
        trigram_indexes.make()
        print(
            f"The indexes of names were made in {time.perf_counter() - began:.0f} s",
            file=sys.stderr,
        )
        cursor.execute("VACUUM (ANALYZE)")


def report(users: int, rounds: int) -> int:
    client, worst = signed_in(), 0.0
    print(
        f"{users:,} users, {3 * users:,} sessions and events, {users:,} mails and API keys; "
        "ms of all statements of a page\n"
    )
    print(f"{'page':<58}{'cold':>8}{'median':>8}{'worst':>8}{'queries':>9}")
    for name, path in pages(users):
        figures = [measure(client, path, cold=number == 0) for number in range(rounds)]
        times = [spent for spent, _ in figures]
        worst = max(worst, median(times))
        print(
            f"{name:<58}{times[0]:8.1f}{median(times):8.1f}{max(times):8.1f}{figures[-1][1]:9}",
            flush=True,
        )
    print(f"\nThe slowest median is {worst:.1f} ms; promised are {PROMISE:.0f} ms.")
    return int(worst > PROMISE)


def explain(users: int) -> None:
    """Return PostgreSQL's plan for a search for a part of a name."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from accounts import user_search

    print("\nEXPLAIN ANALYZE of the statement that finds parts of names, up to a thousand and one")
    for kind, term in sought(users).items():
        with CaptureQueriesContext(connection) as sent:
            user_search.find(term)
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) "
                + next(query["sql"] for query in sent if "LIMIT (SELECT" in query["sql"])
            )
            plan = [line.strip(" ->") for (line,) in cursor.fetchall()]
        scans = " of ".join(
            line.replace(" (actual rows", ", rows").removesuffix(" loops=1)")
            for line in plan
            if " Scan on " in line
        )
        print(f"{kind:<28}{plan[-1].removeprefix('Execution Time: '):>12}  {scans}", flush=True)


def sought(users: int) -> dict[str, str]:
    """Return search terms, by kind."""
    from accounts.models import Session, User

    user = User.objects.get(pk=users // 3)
    return {
        "rare part": str(user.pk)[:5] + "@",
        "one user": user.username,
        "name and surname": user.name,
        "common name": "olga",
        "everybody's domain": "example.com",
        "a customer imported last": "acme",
        "nobody": "qqqxyz",
        "two letters": "ol",
        "two letters, nobody": "qx",
        "one letter": "o",
        "two words": "olga acme",
        "account's uuid": str(user.uuid),
        "session id": str(Session.objects.filter(user=user)[:1].values_list("pk", flat=True)[0]),
        "request id": "c4ca4238a0b92382",
        "API key id": "key_c4ca4238",
    }


def pages(users: int) -> Iterator[tuple[str, str]]:
    """Return the pages: each list, its last page, each of its filters, and each kind of search."""
    terms = sought(users)
    yield from (
        (f"users, {what}", path)
        for what, path in listed(
            USERS, state=("active", "deactivated", "must_change", "no_password")
        )
    )
    yield from (
        (f"users, role {role}", f"{USERS}?role={role}") for role in ("user", "admin", "super_admin")
    )
    yield from ((f"users, search for {kind}", f"{USERS}?q={term}") for kind, term in terms.items())
    yield from (
        (f"users, deactivated, search for {kind}", f"{USERS}?state=deactivated&q={terms[kind]}")
        for kind in ("common name", "nobody")
    )
    yield from (
        (f"the box on every page, {kind}", f"{USERS}find/?q={terms[kind]}")
        for kind in ("one user", "session id", "request id")
    )
    yield "one user", f"{USERS}{users // 3}/change/"
    yield from (
        (f"sessions, {what}", path)
        for what, path in listed(LIVE, state=("live",), contract__exact=("bearer", "envelope"))
    )
    yield (
        "sessions, live, a contract that nobody uses",
        f"{LIVE}?state=live&contract__exact=envelope",
    )
    yield from (
        (f"sessions, search for {kind}", f"{LIVE}?q={terms[kind]}")
        for kind in ("one user", "common name", "session id", "nobody")
    )
    statuses, templates = ("sent", "failed", "nobody", "waiting"), ("reset", "key_leaked")
    yield from (
        (f"mails, {what}", path)
        for what, path in listed(SENT, status__exact=statuses, template__exact=templates)
    )
    yield from (
        (f"mails, search for {kind}", f"{SENT}?q={terms[kind]}")
        for kind in ("one user", "common name", "nobody")
    )
    yield from (
        (f"API keys, {what}", path)
        for what, path in listed(ISSUED, use=("unused", "expiring", "live", "ended"))
    )
    yield from (
        (f"API keys, search for {kind}", f"{ISSUED}?q={terms[kind]}")
        for kind in ("one user", "API key id", "nobody")
    )


def listed(path: str, **filters: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield "first page", path
    yield "last page", f"{path}?p=20"
    for name, values in filters.items():
        yield from (
            (f"{name.partition('__')[0]} {value}", f"{path}?{name}={value}") for value in values
        )


def signed_in() -> Any:
    from django.test import Client

    from accounts.models import User

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("operator"))
    return client


def measure(client: Any, path: str, *, cold: bool) -> tuple[float, int]:
    """Return the milliseconds of all statements of a page, and their number."""
    from django.db import connection as opened

    connection: Any = opened
    spent: list[float] = []

    def stopwatch(execute: Callable[..., Any], *statement: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*statement)
        finally:
            spent.append((time.perf_counter() - began) * 1000)

    if cold:
        connection.close_pool()
    with connection.execute_wrapper(stopwatch):
        answer = client.get(f"/admin/{path}")
    if answer.status_code not in (200, 302) or "/login/" in answer.get("Location", ""):
        raise SystemExit(f"{path} was answered {answer.status_code}.")
    return sum(spent), len(spent)


if __name__ == "__main__":
    sys.exit(main())
