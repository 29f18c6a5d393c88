"""How a key is written: ``sk_live_<8-character id>_<32 random characters><6-character checksum>``.

The id finds its row, the random part (190 bits) is the secret, and the checksum tells a typo from a key without a look-up. A payment
provider's keys, which secret scanners hunt for, have no underscore after eight characters.
"""

import re
import secrets
import string
from zlib import crc32

ALPHABET = string.digits + string.ascii_letters
PREFIX = "sk_live_"
PUBLIC_ID = re.compile(r"key_([0-9A-Za-z]{8})", re.ASCII)
PATTERN = re.compile(r"sk_live_([0-9A-Za-z]{8})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})", re.ASCII)


def new() -> tuple[str, str]:
    """The id and the whole text of a new key."""
    key_id, body = _random(8), _random(32)
    return key_id, f"{PREFIX}{key_id}_{body}{checksum(key_id + body)}"


def read(text: str) -> str | None:
    """The id in the text of a key; None if it is mistyped, cut, or none of ours."""
    found = PATTERN.fullmatch(text)
    return found[1] if found and checksum(found[1] + found[2]) == found[3] else None


def checksum(text: str) -> str:
    """The CRC-32 of id and random part, as six digits to the base of 62."""
    rest, digits = crc32(text.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = ALPHABET[digit] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
