"""Comparison of a password with what is stored, where a wrong password costs one hash, whatever is stored for the name.

A known account's costs one hash of its own kind. An unknown name costs one of the kind that a keyed digest of the name picks, each
kind as often as accounts have it: so the cost tells no more of a name than that of any other name. An account without a hash that a
password can be compared with is treated like an unknown name.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import log
from typing import Any, NamedTuple

from django.contrib.auth.hashers import get_hasher
from django.db import connection
from django.utils.crypto import salted_hmac

from accounts.hashing.hashers import ALGORITHMS, CURRENT, DamagedHash, Stored, read
from accounts.hashing.pool import pool
from accounts.identifiers import normalise

LOOKED_UP = 60.0  # seconds for which a process remembers the kinds and their shares
MOST = 32  # kinds of which unknown names cost one
KEY = 40  # characters of a hash that the index has
LOOKS = 100  # so that no crowd of damaged hashes holds up a login
ALL = 10_000  # accounts that are all counted; of more only a sample is
SAMPLE = 2048
GOLDEN = (
    0.6180339887498949  # the fractional parts of its multiples are spread evenly (Knuth, TAOCP 6.4)
)
BEHIND = "\x7f"  # no hash contains it, so that a kind followed by it stands behind all hashes of that kind

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_next_look = float("-inf")


class Share(NamedTuple):
    """A kind of hash, and how many accounts have it, among those that were counted."""

    hash: Stored
    weight: float


DEFAULT = (Share(read(f"{CURRENT}{'A' * 30}${'A' * 43}"), 1.0),)
_shares: tuple[Share, ...] = DEFAULT


@dataclass(frozen=True)
class Checked:
    """The result of comparing a password with the stored hash."""

    right: bool = False
    outdated: bool = False
    damaged: bool = False


def check(password: str, encoded: str, identifier: str) -> Checked:
    """Compare a password with a stored hash; ``encoded`` is empty where no account has this identifier.

    A damaged hash is like no hash at all. ``HashingOverloaded`` if the queue is full.
    """
    stored = _readable(encoded)
    try:
        right = stored is not None and _verify(password, stored.algorithm, encoded)
    except DamagedHash:
        stored, right = None, False
    if not right:
        kinds = ranked(
            identifier, shares()
        )  # also where they are not needed: that time tells nothing of the name either
        if stored is None:
            _verify_blank(password, kinds)
    if stored is None:
        return Checked(damaged=bool(encoded) and not encoded.startswith("!"))
    today = get_hasher("default")
    return Checked(
        right,
        outdated=right and (stored.algorithm != today.algorithm or today.must_update(encoded)),
    )


def _readable(encoded: str) -> Stored | None:
    with suppress(DamagedHash):
        return read(encoded)
    return None


def _verify(password: str, algorithm: str, encoded: str) -> bool:
    try:
        return bool(pool.run(get_hasher(algorithm).verify, password, encoded))
    except (ValueError, OverflowError, MemoryError) as error:  # costs that this machine cannot pay
        raise DamagedHash(str(error)) from error


def _verify_blank(password: str, kinds: Iterable[Stored]) -> None:
    """Compute one hash that is nobody's, of the first of these kinds that this machine can pay."""
    for kind in kinds:
        with suppress(DamagedHash):
            _verify(password, kind.algorithm, kind.blank)
            return


# Which kind an unknown name costs


def ranked(identifier: str, among: Iterable[Share]) -> list[Stored]:
    """The kinds, the one that this name costs first, by weighted rendezvous hashing.

    When shares change, only a few names change their kind: away from one that has lost accounts,
    or to one that has gained some, as accounts themselves do when their hashes are upgraded.
    """
    name = normalise(identifier)
    return [
        share.hash
        for share in sorted(
            among, key=lambda share: -log(_unit(name, share.hash.kind)) / share.weight
        )
    ]


def _unit(name: str, kind: str) -> float:
    """A number above 0 and up to 1, by a digest that nobody without SECRET_KEY can compute."""
    digest = salted_hmac(
        "accounts.hashing.uniform_timing", f"{kind}{name}", algorithm="sha256"
    ).digest()
    return (int.from_bytes(digest[:8]) + 1) / 2**64


def shares() -> tuple[Share, ...]:
    """The kinds of hashes that accounts have, and their shares, looked up once a minute."""
    global _next_look, _shares
    with _lock:
        due = time.monotonic() >= _next_look
        if due:
            _next_look = (
                time.monotonic() + LOOKED_UP
            )  # before the look, so that nobody else takes one meanwhile
    if due:
        try:
            _shares = _counted(_look_up()) or DEFAULT
        except BaseException:
            forget()
            raise
    return _shares


def forget() -> None:
    """Look again with the next wrong password."""
    global _next_look
    _next_look = float("-inf")


def _look_up() -> list[Stored]:
    """From one kind to the next: each is one look into the index, however many accounts have it."""
    found: list[Stored] = []
    behind = "a"  # passwords that cannot be used begin with "!"
    for _ in range(LOOKS):
        example = _first_behind(behind)
        if example is None:
            return found
        try:
            stored = read(example)
        except DamagedHash:
            algorithm = example.partition("$")[0]
            behind = (
                example[:KEY] if algorithm in ALGORITHMS else algorithm + BEHIND
            )  # behind it there may be whole ones
            continue
        behind = stored.kind + BEHIND
        found.append(stored)
        if len(found) == MOST:
            break
    logger.warning(
        "accounts have hashes of %s kinds or more, or many damaged ones: unknown names cost none of the others",
        MOST,
    )
    return found


def _first_behind(text: str) -> str | None:
    collation = '"C"' if connection.vendor == "postgresql" else "BINARY"
    key = f"substr(password, 1, {KEY}) COLLATE {collation}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT password FROM accounts_user WHERE {key} > %s ORDER BY {key} LIMIT 1",  # noqa: S608
            [text],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else None


def _counted(found: Sequence[Stored]) -> tuple[Share, ...]:
    """Return the number of accounts with each kind.

    Of many accounts, the same sample is counted each time, so that shares do not waver.

    A kind that is too rare for the sample counts as half an account of it.
    """
    if not found:
        return ()
    sums = ", ".join(
        f"sum(CASE WHEN substr(password, 1, {len(each.kind)}) = %s THEN 1 ELSE 0 END)"
        for each in found
    )
    which, ids = _sample()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sums} FROM accounts_user {which}",  # noqa: S608
            [*(each.kind for each in found), *ids],
        )
        counts: Iterable[int | None] = cursor.fetchone()
    return tuple(
        Share(each, max(float(count or 0), 0.5)) for each, count in zip(found, counts, strict=True)
    )


def _sample() -> tuple[str, list[Any]]:
    """The condition for the accounts that are counted, and its parameters. Ids may have gaps, so the rows say how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM accounts_user LIMIT %s) AS counted", [ALL + 1]
        )
        if int(cursor.fetchone()[0]) <= ALL:
            return "", []
        cursor.execute("SELECT max(id) FROM accounts_user")
        ids = sampled_ids(int(cursor.fetchone()[0]))
    if connection.vendor == "postgresql":
        return "WHERE id = ANY(%s)", [ids]
    return f"WHERE id IN ({', '.join(map(str, ids))})", []


def sampled_ids(newest: int) -> list[int]:
    """Between half of ``SAMPLE`` ids and all of it, spread evenly up to ``newest``; new accounts add to them until their number doubles."""
    room = 1 << newest.bit_length()
    step = int(room * GOLDEN) | 1  # odd, so that no number comes twice
    return [number for each in range(SAMPLE) if 0 < (number := each * step % room) <= newest]
