"""Text of API keys: ``sk_live_<8-character id>_<32 random characters><6-character checksum>``.

The id finds the row, the random part (190 bits) is the secret, and the checksum tells a typo from
a key without a query. Keys of a payment provider with the same prefix, which secret scanners
search for, have no underscore after eight characters.
"""

import re
import secrets
import string
from hashlib import sha256
from zlib import crc32

ALPHABET = string.digits + string.ascii_letters
PREFIX = "sk_live_"
PUBLIC_ID = re.compile(r"key_([0-9A-Za-z]{8})", re.ASCII)
PATTERN = re.compile(r"sk_live_([0-9A-Za-z]{8})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)


def new() -> tuple[str, str]:
    """Return the id and the whole text of a new key."""
    key_id, body = _random(8), _random(32)
    return key_id, f"{PREFIX}{key_id}_{body}{checksum(key_id + body)}"


def public_id(key_id: str) -> str:
    """Return the id of a key as its owner knows it."""
    return f"key_{key_id}"


def read(text: str) -> str | None:
    """Return the id in the text of a key; None for a typo, a part of a key, or anything else."""
    found = PATTERN.fullmatch(text)
    return found[1] if found and checksum(found[1] + found[2]) == found[3] else None


def digest(text: str) -> str:
    """Return the SHA-256 of a key's text, which is stored: nobody can try 190 bits."""
    return sha256(text.encode()).hexdigest()


def checksum(text: str) -> str:
    """Return the CRC-32 of id and random part, as six digits in base 62."""
    rest, digits = crc32(text.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = ALPHABET[digit] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
