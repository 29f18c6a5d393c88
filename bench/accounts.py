"""Who signs in: many names, one password, one hash of it made beforehand."""

from bench.peers.hasher import Argon2

PASSWORD = "correct horse battery staple"
ENCODED = Argon2().encode(PASSWORD, "0123456789abcdefghijkl")


def username(number: int) -> str:
    return f"person{number:05}"


def email(number: int) -> str:
    return f"person{number:05}@example.com"
