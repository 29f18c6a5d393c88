"""Argon2id at the cost that the settings say."""

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher


class TunedArgon2PasswordHasher(Argon2PasswordHasher):
    """Verifies any Argon2 hash; makes new ones, and upgrades others, at this deployment's cost."""

    memory_cost = settings.ARGON2_MEMORY_KIB
    time_cost = settings.ARGON2_TIME_COST
    parallelism = settings.ARGON2_PARALLELISM
