"""Argon2id at the cost that the settings say."""

from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher


class TunedArgon2PasswordHasher(Argon2PasswordHasher):
    """Verifies any Argon2 hash; makes new ones, and upgrades others, at this deployment's cost."""

    memory_cost = settings.ARGON2_MEMORY_KIB
    time_cost = settings.ARGON2_TIME_COST
    parallelism = settings.ARGON2_PARALLELISM


class ImportedBCryptPasswordHasher(BCryptPasswordHasher):
    """Verifies bcrypt's hashes as they were made: of 72 bytes and no more, which its library would refuse now. Makes none."""

    def encode(self, password: str, salt: Any) -> str:
        library: Any = self._load_library()  # type: ignore[attr-defined]
        hashed: bytes = library.hashpw(password.encode()[:72], salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"
