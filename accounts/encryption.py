"""Encryption of small secrets in the database, with keys that are not in it.

Each is bound to its row by a context: copied to another row, it cannot be decrypted.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

__all__ = ["REMEDY", "InvalidToken", "decrypt", "encrypt"]

REMEDY = (
    "add the key that it was stored under to ENCRYPTION_KEYS or, where these are not set,"
    " to SECRET_KEY_FALLBACKS"
)


def encrypt(plain: bytes, context: str) -> str:
    """Return ``plain`` encrypted with the first key for ``context``."""
    return _current().encrypt(_label(context) + plain).decode()


def decrypt(sealed: str, context: str) -> bytes:
    """Return the plain bytes, encrypted with any of the keys.

    ``InvalidToken`` for a key that is not configured, or for another context.
    """
    opened, label = _current().decrypt(sealed.encode()), _label(context)
    if not opened.startswith(label):
        raise InvalidToken
    return opened[len(label) :]


def _label(context: str) -> bytes:
    """Return the context as encrypted in front of the secret, with its length in four bytes.

    Fernet authenticates nothing beside what it encrypts.
    """
    encoded = context.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _current() -> MultiFernet:
    return _fernet(
        *(settings.ENCRYPTION_KEYS or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    )


@lru_cache(maxsize=4)
def _fernet(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(_derive(secret)) for secret in secrets])


def _derive(secret: str) -> bytes:
    return urlsafe_b64encode(
        HKDF(SHA256(), length=32, salt=None, info=b"authsvc encryption").derive(secret.encode())
    )
