"""Places of sessions in status lists: which list, and which index there.

Sessions are numbered in the order of logins, and each list has ``SIZE`` of them. Inside a list
their order is a secret permutation, so two tokens do not tell how many logins lie between them.
"""

import hashlib
import secrets
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.conf import settings

from accounts.models import StatusListSeed

HALF_BITS = 9
# Indices of a list, 262,144. It limits what a verifier fetches for one token (one bit each, 32 KiB
# before compression), what one read of the database makes, and among how many an index hides.
SIZE = 1 << 2 * HALF_BITS
ROUNDS = 4
MASK = (1 << HALF_BITS) - 1
# The next number of a session, in the statement that inserts it (migration 0018).
NEXT = {
    "postgresql": "nextval('accounts_session_number')",
    "sqlite": "(SELECT last + 1 FROM accounts_session_number)",
}


def uri(number: int) -> str:
    """Return the address of a list; the first one is number 1."""
    return f"{settings.PUBLIC_URL}/statuslists/{number}"


def list_of(status_index: int) -> int:
    """Return the number of the list that a session is in."""
    return status_index // SIZE + 1


def claim(status_index: int | None) -> dict[str, Any]:
    """Return the claim ``status`` of an access token (6.2); none for a session without an index."""
    if status_index is None:
        return {}
    reference = {"idx": permuted(status_index % SIZE), "uri": uri(list_of(status_index))}
    return {"status": {"status_list": reference}}


def permuted(offset: int) -> int:
    """Return the index of the session that comes after ``offset`` others of its list.

    A Feistel network with random functions (Luby and Rackoff, 1988): each index is taken once.
    """
    left, right = offset >> HALF_BITS, offset & MASK
    for table in _tables():
        left, right = right, left ^ table[right]
    return left << HALF_BITS | right


def scattered(bitmap: bytes | bytearray) -> bytearray:
    """Return the bitmap of a list, which is in the order of logins, in the order of its indices."""
    mostly = int.from_bytes(bitmap, "little").bit_count() > SIZE // 2
    flip = 0xFF if mostly else 0  # only the rarer bits are moved, one by one
    moved = bytearray([flip]) * len(bitmap)
    for offset in _offsets(bitmap, flip):
        index = permuted(offset)
        moved[index >> 3] ^= 1 << (index & 7)
    return moved


def _offsets(bitmap: bytes | bytearray, flip: int) -> Iterator[int]:
    """Yield the offsets of the bits that are set, or with a ``flip`` of 255 of the others."""
    for at, byte in enumerate(bitmap):
        if byte != flip:
            yield from (at * 8 + bit for bit in range(8) if (byte ^ flip) >> bit & 1)


@lru_cache(maxsize=1)
def _tables() -> "list[array[int]]":
    """Return the function of each round, by its values."""
    tables = []
    for number in range(ROUNDS):
        stream = hashlib.shake_256(_seed() + bytes([number])).digest(2 << HALF_BITS)
        tables.append(array("H", (value & MASK for value in memoryview(stream).cast("H"))))
    return tables


def _seed() -> bytes:
    """Return the seed that all nodes share. A migration made it, or the first that needs it."""
    rows = StatusListSeed.objects.values_list("seed", flat=True)
    if (seed := rows.first()) is None:
        new = StatusListSeed(seed=secrets.token_bytes(32))
        StatusListSeed.objects.bulk_create([new], ignore_conflicts=True)
        seed = rows.get()
    return bytes(seed)
