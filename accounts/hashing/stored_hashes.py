"""Stored hashes taken apart: the algorithm, its costs, the salt and the digest."""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass

from django.conf import settings

MAX_COST_DIGITS = 10


class DamagedHash(ValueError):
    """Text in the place of a hash that no password can be compared with."""


@dataclass(frozen=True)
class StoredHash:
    """The parts of a stored hash.

    ``prefix`` is the text that it begins with: the algorithm and its costs. ``blank`` is a hash of
    the same algorithm, costs and lengths that is nobody's.
    """

    algorithm: str
    prefix: str
    costs: dict[str, int]
    salt: bytes
    digest: bytes
    blank: str

    def __repr__(self) -> str:
        return f"StoredHash({self.prefix})"


_B64 = r"[A-Za-z0-9+/]+"
_PADDED = rf"{_B64}={{0,2}}"
_BCRYPT = r"\$\$2[aby]\$(?P<cost>\d\d)\$)(?P<secret>[./A-Za-z0-9]{53})"
_PBKDF2 = rf"\$(?P<i>\d+)\$)(?P<text>[^$]+)\$(?P<digest>{_PADDED})"
_FORMS = {
    "argon2": (
        r"(?P<prefix>argon2\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?"
        r"m=(?P<m>\d+),t=(?P<t>\d+),p=(?P<p>\d+)\$)"
        rf"(?P<salt>{_B64})\$(?P<digest>{_B64})"
    ),
    "bcrypt": rf"(?P<prefix>bcrypt{_BCRYPT}",
    "bcrypt_sha256": rf"(?P<prefix>bcrypt_sha256{_BCRYPT}",
    "pbkdf2_sha256": rf"(?P<prefix>pbkdf2_sha256{_PBKDF2}",
    "pbkdf2_sha1": rf"(?P<prefix>pbkdf2_sha1{_PBKDF2}",
    "scrypt": (
        r"(?P<prefix>scrypt\$(?P<n>\d+)\$)(?P<text>[^$]+)"
        rf"(?P<more>\$(?P<r>\d+)\$(?P<p>\d+))\$(?P<digest>{_PADDED})"
    ),
    "phc": (
        r"(?P<prefix>phc\$(?:(?P<name>pbkdf2-sha(?:1|256|512))\$i=(?P<i>\d+)"
        r"|scrypt\$ln=(?P<ln>\d+),r=(?P<r>\d+),p=(?P<p>\d+))\$)"
        rf"(?P<salt>{_B64})\$(?P<digest>{_B64})"
    ),
}
_PATTERNS = {algorithm: re.compile(form, re.ASCII) for algorithm, form in _FORMS.items()}
ALGORITHMS = frozenset(_PATTERNS)
_COSTS = ("m", "t", "p", "cost", "i", "n", "r", "ln")
CURRENT = (
    f"argon2$argon2id$v=19$m={settings.ARGON2_MEMORY_KIB},t={settings.ARGON2_TIME_COST},"
    f"p={settings.ARGON2_PARALLELISM}$"
)


def read(encoded: str) -> StoredHash:
    """Return the parts of a stored hash; ``DamagedHash`` if it is none of a known algorithm."""
    algorithm = encoded.partition("$")[0]
    found = _PATTERNS[algorithm].fullmatch(encoded) if algorithm in _PATTERNS else None
    if found is None:
        raise DamagedHash("not a hash that is known here")
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    if any(len(parts[cost]) > MAX_COST_DIGITS for cost in _COSTS if cost in parts):
        raise DamagedHash("a cost of more than ten digits")
    costs = {cost: int(parts[cost]) for cost in _COSTS if cost in parts}
    if not _possible(costs):
        raise DamagedHash("costs that no hash can have")
    return StoredHash(
        algorithm=algorithm,
        prefix=parts["prefix"],
        costs=costs,
        salt=_decoded(parts["salt"]) if "salt" in parts else parts.get("text", "").encode(),
        digest=_decoded(parts["digest"]) if "digest" in parts else b"",
        blank=_blank(parts),
    )


def _possible(costs: dict[str, int]) -> bool:
    """Return whether the algorithm takes these costs at all."""
    if "m" in costs:
        return costs["t"] >= 1 and costs["p"] >= 1 and costs["m"] >= 8 * costs["p"]
    if "cost" in costs:
        return 4 <= costs["cost"] <= 31
    if "i" in costs:
        return costs["i"] >= 1
    n = costs["n"] if "n" in costs else 1 << min(costs["ln"], 63)
    return n > 1 and n & (n - 1) == 0 and costs["r"] >= 1 and costs["p"] >= 1


def _blank(parts: dict[str, str]) -> str:
    if "secret" in parts:
        return parts["prefix"] + "." * 53
    salt = "A" * len(parts.get("salt") or parts["text"])
    digest = re.sub("[^=]", "A", parts["digest"])
    return f"{parts['prefix']}{salt}{parts.get('more', '')}${digest}"


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error as error:
        raise DamagedHash("broken base64") from error
