"""Argon2id at the cost that the settings say, hashes that came from elsewhere, and what a stored hash says of itself."""

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BasePasswordHasher,
    BCryptPasswordHasher,
)
from django.utils.crypto import constant_time_compare

from accounts.hashing.pool import pool


class TunedArgon2PasswordHasher(Argon2PasswordHasher):
    """Verifies any Argon2 hash; makes new ones, and upgrades others, at this deployment's cost."""

    memory_cost = settings.ARGON2_MEMORY_KIB
    time_cost = settings.ARGON2_TIME_COST
    parallelism = settings.ARGON2_PARALLELISM

    def encode(self, password: str, salt: str) -> str:
        return pool.run(super().encode, password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        return pool.run(super().verify, password, encoded)


class ImportedBCryptPasswordHasher(BCryptPasswordHasher):
    """Verifies bcrypt's hashes as they were made: of 72 bytes and no more, which its library would refuse now. Makes none."""

    def encode(self, password: str, salt: Any) -> str:
        library: Any = self._load_library()  # type: ignore[attr-defined]
        hashed: bytes = library.hashpw(password.encode()[:72], salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"


class ImportedPHCPasswordHasher(BasePasswordHasher):
    """Verifies PBKDF2 and scrypt with salts of any bytes, where Django knows only text ones, in PHC's format. Makes none.

    ``phc$pbkdf2-sha512$i=210000$<salt>$<hash>`` and ``phc$scrypt$ln=14,r=8,p=1$<salt>$<hash>``, base64 without padding.
    """

    algorithm = "phc"

    def verify(self, password: str, encoded: str) -> bool:
        stored = read(encoded)
        return constant_time_compare(
            b64encode(_derived(password.encode(), stored)), b64encode(stored.digest)
        )

    def must_update(self, encoded: str) -> bool:
        return True

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: one wrong password costs one hash, of this kind."""


# What a stored hash says of itself


class DamagedHash(ValueError):
    """Text in the place of a hash that no password can be compared with."""


@dataclass(frozen=True)
class Stored:
    """A hash as it is stored, taken apart. ``kind`` is the text that it begins with: the algorithm, and what it costs."""

    algorithm: str
    kind: str
    costs: dict[str, int]
    salt: bytes
    digest: bytes
    blank: str  # of the same kind and lengths, and nobody's

    def __repr__(self) -> str:
        return f"Stored({self.kind})"


_B64 = r"[A-Za-z0-9+/]+"
_FORMS = {
    "argon2": (
        r"(?P<kind>argon2\$argon2(?:id|i|d)\$(?:v=(?:16|19)\$)?m=(?P<m>\d+),t=(?P<t>\d+),p=(?P<p>\d+)\$)"
        rf"(?P<salt>{_B64})\$(?P<digest>{_B64})"
    ),
    "bcrypt": r"(?P<kind>bcrypt\$\$2[aby]\$(?P<cost>\d\d)\$)(?P<secret>[./A-Za-z0-9]{53})",
    "bcrypt_sha256": r"(?P<kind>bcrypt_sha256\$\$2[aby]\$(?P<cost>\d\d)\$)(?P<secret>[./A-Za-z0-9]{53})",
    "pbkdf2_sha256": rf"(?P<kind>pbkdf2_sha256\$(?P<i>\d+)\$)(?P<text>[^$]+)\$(?P<digest>{_B64}={{0,2}})",
    "pbkdf2_sha1": rf"(?P<kind>pbkdf2_sha1\$(?P<i>\d+)\$)(?P<text>[^$]+)\$(?P<digest>{_B64}={{0,2}})",
    "scrypt": rf"(?P<kind>scrypt\$(?P<n>\d+)\$)(?P<text>[^$]+)(?P<more>\$(?P<r>\d+)\$(?P<p>\d+))\$(?P<digest>{_B64}={{0,2}})",
    "phc": (
        r"(?P<kind>phc\$(?:(?P<name>pbkdf2-sha(?:1|256|512))\$i=(?P<i>\d+)|scrypt\$ln=(?P<ln>\d+),r=(?P<r>\d+),p=(?P<p>\d+))\$)"
        rf"(?P<salt>{_B64})\$(?P<digest>{_B64})"
    ),
}
_PATTERNS = {algorithm: re.compile(form, re.ASCII) for algorithm, form in _FORMS.items()}
ALGORITHMS = frozenset(_PATTERNS)
_COSTS = ("m", "t", "p", "cost", "i", "n", "r", "ln")
CURRENT = f"argon2$argon2id$v=19$m={settings.ARGON2_MEMORY_KIB},t={settings.ARGON2_TIME_COST},p={settings.ARGON2_PARALLELISM}$"


def read(encoded: str) -> Stored:
    """A stored hash, taken apart; ``DamagedHash`` for what is none, or of no algorithm that is known here."""
    algorithm = encoded.partition("$")[0]
    found = _PATTERNS[algorithm].fullmatch(encoded) if algorithm in _PATTERNS else None
    if found is None:
        raise DamagedHash("not a hash that is known here")
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    if any(len(parts[cost]) > 10 for cost in _COSTS if cost in parts):
        raise DamagedHash("a cost of more than ten digits")
    costs = {cost: int(parts[cost]) for cost in _COSTS if cost in parts}
    if not _possible(costs):
        raise DamagedHash("costs that no hash can have")
    return Stored(
        algorithm=algorithm,
        kind=parts["kind"],
        costs=costs,
        salt=_decoded(parts["salt"]) if "salt" in parts else parts.get("text", "").encode(),
        digest=_decoded(parts["digest"]) if "digest" in parts else b"",
        blank=_blank(parts),
    )


def _possible(costs: dict[str, int]) -> bool:
    """Whether the algorithms take these at all."""
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
        return parts["kind"] + "." * 53
    salt = "A" * len(parts.get("salt") or parts["text"])
    digest = re.sub("[^=]", "A", parts["digest"])
    return f"{parts['kind']}{salt}{parts.get('more', '')}${digest}"


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except binascii.Error as error:
        raise DamagedHash("broken base64") from error


def _derived(password: bytes, stored: Stored) -> bytes:
    costs, length = stored.costs, len(stored.digest)
    if "i" in costs:
        return hashlib.pbkdf2_hmac(
            stored.kind.split("$")[1].removeprefix("pbkdf2-"),
            password,
            stored.salt,
            costs["i"],
            length,
        )
    n, r, p = 1 << costs["ln"], costs["r"], costs["p"]
    room = 128 * r * (n + p + 2) + 2**20  # OpenSSL's own limit is 32 MiB
    return hashlib.scrypt(password, salt=stored.salt, n=n, r=r, p=p, maxmem=room, dklen=length)
