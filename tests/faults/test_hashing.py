"""Imported hashes of the highest accepted cost, and more logins at once than processors."""

import base64
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import get_hasher, make_password

from accounts.hashing.imported_formats import stored
from accounts.hashing.stored_hashes import read
from tests.faults.databases import database
from tests.faults.http_client import PASSWORD
from tests.faults.processes import in_parallel
from tests.faults.servers import Server

LOGIN = "/c/bearer/api/v1/auth/login"
SALT = base64.b64encode(b"sixteen bytes of").decode().rstrip("=")
DIGEST = base64.b64encode(b"thirty-two bytes that are nobody").decode().rstrip("=")
DEAREST = [
    "$2b$13$" + "." * 53,
    "$2a$13$" + "." * 53,
    "bcrypt_sha256$$2b$13$" + "." * 53,
    f"$argon2id$v=19$m=131072,t=4,p=1${SALT}${DIGEST}",
    f"$scrypt$ln=17,r=8,p=1${SALT}${DIGEST}",
    f"pbkdf2_sha256$2500000$salt${DIGEST}",
    f"$pbkdf2-sha256$2500000${SALT}${DIGEST}",
    f"$pbkdf2-sha512$1500000${SALT}${DIGEST}",
]  # the last takes longest, at most twice as long as any other
GUESSES = 12


def spent(pid):
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost(encoded):
    """Return the seconds of processor time for one hash with this algorithm."""
    before = time.process_time()
    blank = read(stored(encoded))
    get_hasher(blank.algorithm).verify("not the password of anybody", blank.blank)
    return time.process_time() - before


@pytest.fixture(scope="module")
def imported(tmp_path_factory, tables, django_db_blocker):
    """Start a server with eight imported users, each with the costliest hash of its algorithm.

    Alice has a hash of today's. On PostgreSQL there are fewer connections than threads that wait.
    """
    file = tmp_path_factory.mktemp("import") / "users.jsonl"
    with django_db_blocker.unblock():  # a thread that computes a hash lends its connection
        people = {"alice": make_password(PASSWORD)}
    people |= {f"p{n}": each for n, each in enumerate(DEAREST)}
    rows = ({"username": name, "password_hash": encoded} for name, encoded in people.items())
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with (
        database(copy_of=tables) as address,
        Server(address, THREADS="6", DATABASE_POOL_SIZE="2") as server,
    ):
        server.run("import_users", str(file))
        server.start()
        yield server


def guess(server, name):
    """Send a wrong password until it is checked; return how often it was refused unchecked."""
    refused = 0
    while (
        answer := server.call(
            LOGIN, {"username": name, "password": "not the password of anybody"}, timeout=120
        )
    ).status == 503:
        assert answer.headers["Retry-After"] == "1"
        refused += 1
        time.sleep(0.2)
    assert answer.status == 401
    return refused


def test_twelve_wrong_passwords_for_unknown_names_cost_one_hash_each_and_keep_nobody_waiting(
    imported,
):
    """Each worker queues five: some are refused at once, and are answered when they come again."""
    token, refused = imported.log_in("alice")["access"], []
    before, answered = sum(map(spent, imported.workers())), 0
    guesses: list[Callable[[], Any]] = [
        partial(guess, imported, f"nobody{number}") for number in range(GUESSES)
    ]
    flood = threading.Thread(target=lambda: refused.extend(in_parallel(guesses)))
    flood.start()
    while flood.is_alive():
        assert (imported.call("/healthz").status, imported.me(token)) == (200, 200)
        answered += 1
        time.sleep(0.05)
    assert (len(refused), sum(refused) > 0, answered > 5) == (GUESSES, True, True)
    work = sum(map(spent, imported.workers())) - before
    # Eight hashes each would be more than twice as much.
    assert work < 2 * GUESSES * cost(DEAREST[-1])
    assert imported.log_in("alice")["access"]
