"""Comparison of a password with a stored hash, at the cost of one hash whatever is stored.

A known account costs one hash of its own algorithm. An unknown identifier costs one of the
algorithm that a keyed digest of the identifier picks, each as often as accounts have it: so the
cost tells no more of one identifier than of any other. An account whose hash is damaged is
treated like an unknown identifier.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from django.contrib.auth.hashers import get_hasher

from accounts.hashing import hash_shares
from accounts.hashing.pool import pool
from accounts.hashing.stored_hashes import DamagedHash, StoredHash, read


@dataclass(frozen=True)
class CheckResult:
    """Result of comparing a password with the stored hash; ``outdated`` asks for a new hash."""

    right: bool = False
    outdated: bool = False
    damaged: bool = False


def check(password: str, encoded: str, identifier: str) -> CheckResult:
    """Compare a password with a stored hash, which is empty for an unknown identifier.

    A damaged hash is like no hash at all. ``HashingOverloaded`` if the queue is full.
    """
    stored = _readable(encoded)
    try:
        right = stored is not None and _verify(password, stored.algorithm, encoded)
    except DamagedHash:
        stored, right = None, False
    if not right:
        # Ranked also where it is not needed: that time tells nothing of the identifier either.
        ranked = hash_shares.ranked(identifier, hash_shares.current())
        if stored is None:
            _verify_blank(password, ranked)
    if stored is None:
        return CheckResult(damaged=bool(encoded) and not encoded.startswith("!"))
    today = get_hasher("default")
    return CheckResult(
        right,
        outdated=right and (stored.algorithm != today.algorithm or today.must_update(encoded)),
    )


def _readable(encoded: str) -> StoredHash | None:
    with suppress(DamagedHash):
        return read(encoded)
    return None


def _verify(password: str, algorithm: str, encoded: str) -> bool:
    try:
        return bool(pool.run(get_hasher(algorithm).verify, password, encoded))
    except (ValueError, OverflowError, MemoryError) as error:  # such as memory that there is not
        raise DamagedHash(str(error)) from error


def _verify_blank(password: str, hashes: Iterable[StoredHash]) -> None:
    """Compute one hash for no account: the blank of the first of these that can be computed."""
    for each in hashes:
        with suppress(DamagedHash):
            _verify(password, each.algorithm, each.blank)
            return
