"""Users of the load tests: many names, one password, and one hash of it made beforehand."""

from bench.peers.hasher import Argon2

OPERATOR = "operator"
PASSWORD = "correct horse battery staple"
ENCODED = Argon2().encode(PASSWORD, "0123456789abcdefghijkl")


def username(number: int) -> str:
    return f"user{number:05}"


def email(number: int) -> str:
    return f"user{number:05}@example.com"
