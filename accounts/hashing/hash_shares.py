"""Shares of accounts by the algorithm and costs of their password hash.

They decide which hash a wrong password of an unknown identifier costs, and are looked up once a
minute by the index on the beginnings of hashes.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from math import log
from typing import Any, NamedTuple

from django.db import connection
from django.utils.crypto import salted_hmac

from accounts.hashing.stored_hashes import ALGORITHMS, CURRENT, DamagedHash, StoredHash, read
from accounts.identifiers import normalise

MAX_AGE_SECONDS = 60.0  # for which a process remembers the shares
MAX_PREFIXES = 32  # of which unknown identifiers cost one
INDEXED_CHARACTERS = 40  # of a hash
MAX_LOOKUPS = 100  # so that no crowd of damaged hashes holds up a login
MAX_COUNTED_ACCOUNTS = 10_000  # of more, only a sample is counted
SAMPLE_SIZE = 2048
# The fractional parts of its multiples are spread evenly (Knuth, TAOCP 6.4).
GOLDEN_RATIO = 0.6180339887498949
# No hash contains it: a prefix followed by it sorts after all hashes with that prefix.
AFTER_EVERY_HASH = "\x7f"

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_next_look = float("-inf")


class Share(NamedTuple):
    """An example of the hashes with one prefix, and the number of counted accounts with it."""

    hash: StoredHash
    weight: float


DEFAULT = (Share(read(f"{CURRENT}{'A' * 30}${'A' * 43}"), 1.0),)
_shares: tuple[Share, ...] = DEFAULT


def ranked(identifier: str, among: Iterable[Share]) -> list[StoredHash]:
    """Return hashes by weighted rendezvous hashing: the one that this identifier costs first.

    When shares change, only a few identifiers change their hash: away from one that has lost
    accounts, or to one that has gained some, as accounts do when their hashes are upgraded.
    """
    name = normalise(identifier)
    return [
        share.hash
        for share in sorted(
            among, key=lambda share: -log(_unit(name, share.hash.prefix)) / share.weight
        )
    ]


def _unit(name: str, prefix: str) -> float:
    """Return a number above 0 and up to 1, by a digest keyed with SECRET_KEY."""
    # Another salt would give every unknown identifier another hash, which an upgrade would show.
    digest = salted_hmac("accounts.kinds", f"{prefix}{name}", algorithm="sha256").digest()
    return (int.from_bytes(digest[:8]) + 1) / 2**64


def current() -> tuple[Share, ...]:
    """Return the shares that accounts have, looked up once a minute."""
    global _next_look, _shares
    with _lock:
        due = time.monotonic() >= _next_look
        if due:
            # Set before the look, so that no other thread takes one meanwhile.
            _next_look = time.monotonic() + MAX_AGE_SECONDS
    if due:
        try:
            _shares = _counted(_look_up()) or DEFAULT
        except BaseException:
            forget()
            raise
    return _shares


def forget() -> None:
    """Look the shares up again with the next wrong password."""
    global _next_look
    _next_look = float("-inf")


def _look_up() -> list[StoredHash]:
    """Return one hash of each prefix: each is one look into the index, however many have it."""
    found: list[StoredHash] = []
    last = "a"  # passwords that cannot be used begin with "!"
    for _ in range(MAX_LOOKUPS):
        example = _first_after(last)
        if example is None:
            return found
        try:
            stored = read(example)
        except DamagedHash:
            algorithm = example.partition("$")[0]
            # After a damaged hash of a known algorithm there may be whole ones.
            known = algorithm in ALGORITHMS
            last = example[:INDEXED_CHARACTERS] if known else algorithm + AFTER_EVERY_HASH
            continue
        last = stored.prefix + AFTER_EVERY_HASH
        found.append(stored)
        if len(found) == MAX_PREFIXES:
            break
    logger.warning(
        "accounts have hashes of %s algorithms and costs or more, or many damaged ones:"
        " unknown identifiers cost none of the others",
        MAX_PREFIXES,
    )
    return found


def _first_after(text: str) -> str | None:
    collation = '"C"' if connection.vendor == "postgresql" else "BINARY"
    key = f"substr(password, 1, {INDEXED_CHARACTERS}) COLLATE {collation}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT password FROM accounts_user WHERE {key} > %s"  # noqa: S608
            f" ORDER BY {key} LIMIT 1",
            [text],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _counted(found: Sequence[StoredHash]) -> tuple[Share, ...]:
    """Return the number of accounts with each prefix.

    Of many accounts the same sample is counted each time, so that shares do not waver. A prefix
    that is too rare for the sample counts as half an account.
    """
    if not found:
        return ()
    sums = ", ".join(
        f"sum(CASE WHEN substr(password, 1, {len(each.prefix)}) = %s THEN 1 ELSE 0 END)"
        for each in found
    )
    which, ids = _sample()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sums} FROM accounts_user {which}",  # noqa: S608
            [*(each.prefix for each in found), *ids],
        )
        counts: Iterable[int | None] = cursor.fetchone()
    return tuple(
        Share(each, max(float(count or 0), 0.5)) for each, count in zip(found, counts, strict=True)
    )


def _sample() -> tuple[str, list[Any]]:
    """Return the SQL condition for the accounts that are counted, and its parameters.

    Ids may have gaps, so the rows are counted to tell how many there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM accounts_user LIMIT %s) AS counted",
            [MAX_COUNTED_ACCOUNTS + 1],
        )
        if int(cursor.fetchone()[0]) <= MAX_COUNTED_ACCOUNTS:
            return "", []
        cursor.execute("SELECT max(id) FROM accounts_user")
        ids = sampled_ids(int(cursor.fetchone()[0]))
    if connection.vendor == "postgresql":
        return "WHERE id = ANY(%s)", [ids]
    return f"WHERE id IN ({', '.join(map(str, ids))})", []


def sampled_ids(newest: int) -> list[int]:
    """Return between half of ``SAMPLE_SIZE`` ids and all of it, spread evenly up to ``newest``.

    New accounts add to them until their number doubles.
    """
    size = 1 << newest.bit_length()
    step = int(size * GOLDEN_RATIO) | 1  # odd, so that no number comes twice
    return [number for each in range(SAMPLE_SIZE) if 0 < (number := each * step % size) <= newest]
