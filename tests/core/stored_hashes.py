"""Hashes that other systems made, and accounts that have them."""

import base64
import threading
from contextlib import contextmanager

import bcrypt

from accounts.hashing.pool import pool
from accounts.models import User
from tests.conftest import PASSWORD

SALT = base64.b64encode(b"sixteen bytes of").decode().rstrip("=")
DIGEST = base64.b64encode(b"thirty-two bytes that are nobody").decode().rstrip("=")
BCRYPT = "bcrypt$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
PBKDF2 = f"pbkdf2_sha256$600$salt${DIGEST}="
SCRYPT = f"phc$scrypt$ln=4,r=8,p=1${SALT}${DIGEST}"


def user_with(name, encoded, **fields):
    return User.objects.create(username=name, password=encoded, **fields)


def busy(pool, count):
    """Start ``count`` hashes that run, or wait, until the returned event is set."""
    go = threading.Event()
    threads = [threading.Thread(target=pool.run, args=(go.wait, 60)) for _ in range(count)]
    for thread in threads:
        thread.start()
    while pool._free._value > pool.places - count:
        pass
    return go, threads


# Answers of a full queue


@contextmanager
def full_queue():
    """Keep the hashing queue of this process full as long as the block runs."""
    go, threads = busy(pool, pool.places)
    try:
        yield
    finally:
        go.set()
        for thread in threads:
            thread.join()
