"""Password hashers of Django: Argon2id at this deployment's cost, and those of imported hashes.

Imported hashes are only verified; a login replaces them by one of Argon2id.
"""

import hashlib
from base64 import b64encode
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BasePasswordHasher,
    BCryptPasswordHasher,
)
from django.utils.crypto import constant_time_compare

from accounts.hashing.pool import pool
from accounts.hashing.stored_hashes import StoredHash, read


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
    """Verifies bcrypt's hashes as they were made: of 72 bytes, more of which its library refuses.

    Makes none.
    """

    def encode(self, password: str, salt: Any) -> str:
        library: Any = self._load_library()  # type: ignore[attr-defined]
        hashed: bytes = library.hashpw(password.encode()[:72], salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"


class ImportedPHCPasswordHasher(BasePasswordHasher):
    """Verifies PBKDF2 and scrypt in PHC's format, with salts of any bytes. Makes none.

    Django's own hashers know only salts of text. The format is
    ``phc$pbkdf2-sha512$i=210000$<salt>$<hash>`` and ``phc$scrypt$ln=14,r=8,p=1$<salt>$<hash>``,
    in base64 without padding.
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
        """Do nothing: one wrong password costs one hash, of this algorithm."""


def _derived(password: bytes, stored: StoredHash) -> bytes:
    costs, length = stored.costs, len(stored.digest)
    if "i" in costs:
        return hashlib.pbkdf2_hmac(
            stored.prefix.split("$")[1].removeprefix("pbkdf2-"),
            password,
            stored.salt,
            costs["i"],
            length,
        )
    n, r, p = 1 << costs["ln"], costs["r"], costs["p"]
    max_memory = 128 * r * (n + p + 2) + 2**20  # OpenSSL's own limit is 32 MiB
    return hashlib.scrypt(
        password, salt=stored.salt, n=n, r=r, p=p, maxmem=max_memory, dklen=length
    )
