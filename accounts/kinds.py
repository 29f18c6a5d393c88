"""The same work for every wrong password, whatever is stored for the name, and if nothing is.

A hash that came from elsewhere costs more or less time than one of today, and so would tell who has an account. Therefore each wrong
password is also hashed once in every other way that some account still has. A right one costs what it always did.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from django.contrib.auth.hashers import get_hasher, make_password
from django.db import connection

from accounts.hashers import ALGORITHMS, CURRENT, DamagedHash, Stored, read

LOOKED_UP = 60.0  # seconds for which a process remembers what kinds there are
MOST = 8  # kinds besides the current one: each costs every wrong password its time
KEY = 40  # characters of a hash that the index has
LOOKS = 50  # so that no crowd of damaged hashes holds up a login
BEHIND = "\x7f"  # no hash contains it, so that a kind followed by it stands behind all hashes of that kind

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_next_look = float("-inf")
_others: tuple[Stored, ...] = ()


@dataclass(frozen=True)
class Checked:
    """What became of comparing a password with what is stored; ``kind`` is the work that it took, empty for none."""

    right: bool = False
    kind: str = ""
    outdated: bool = False
    damaged: bool = False


def check(password: str, encoded: str) -> Checked:
    """Compare a password with a stored hash. A damaged one is like no password at all."""
    if not encoded or encoded.startswith("!"):
        return Checked()
    try:
        stored = read(encoded)
        right = _verify(password, stored.algorithm, encoded)
    except DamagedHash:
        return Checked(damaged=True)
    today = get_hasher("default")
    return Checked(right, stored.kind, outdated=right and (stored.algorithm != today.algorithm or today.must_update(encoded)))


def _verify(password: str, algorithm: str, encoded: str) -> bool:
    try:
        return bool(get_hasher(algorithm).verify(password, encoded))
    except (ValueError, OverflowError, MemoryError) as error:  # costs that this machine cannot pay
        raise DamagedHash(str(error)) from error


def even_out(password: str, spent: str = "") -> None:
    """The rest of the work that a wrong password costs, of which one hash of the kind ``spent`` was done."""
    if spent != CURRENT:
        make_password(password)
    for kind in others():
        if kind.kind != spent:
            with suppress(DamagedHash):
                _verify(password, kind.algorithm, kind.blank)


def others() -> tuple[Stored, ...]:
    """The kinds of hashes that accounts have besides today's, looked up once a minute."""
    global _next_look, _others
    with _lock:
        due = time.monotonic() >= _next_look
        if due:
            _next_look = time.monotonic() + LOOKED_UP  # before the look, so that nobody else takes one meanwhile
    if due:
        try:
            _others = _look_up()
        except BaseException:
            forget()
            raise
    return _others


def forget() -> None:
    """Look again with the next wrong password."""
    global _next_look
    _next_look = float("-inf")


def _look_up() -> tuple[Stored, ...]:
    """From one kind to the next: each is one look into the index, however many accounts have it."""
    found: list[Stored] = []
    behind = "a"  # passwords that cannot be used begin with "!"
    for _ in range(LOOKS):
        example = _first_behind(behind)
        if example is None:
            return tuple(found)
        try:
            stored = read(example)
        except DamagedHash:
            algorithm = example.partition("$")[0]
            behind = example[:KEY] if algorithm in ALGORITHMS else algorithm + BEHIND  # behind it there may be whole ones
            continue
        behind = stored.kind + BEHIND
        if stored.kind != CURRENT:
            found.append(stored)
        if len(found) == MOST:
            break
    logger.warning("accounts have hashes of more than %s kinds, or many damaged ones: the time of a wrong login may tell of others", MOST)
    return tuple(found)


def _first_behind(text: str) -> str | None:
    collation = '"C"' if connection.vendor == "postgresql" else "BINARY"
    key = f"substr(password, 1, {KEY}) COLLATE {collation}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT password FROM accounts_user WHERE {key} > %s ORDER BY {key} LIMIT 1", [text])  # noqa: S608 (our own words)
        row = cursor.fetchone()
    return str(row[0]) if row else None
