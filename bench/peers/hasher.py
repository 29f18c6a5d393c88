"""The password hash that all applications of the comparison use."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: authsvc's default."""

    memory_cost = 19456
    time_cost = 2
    parallelism = 1
