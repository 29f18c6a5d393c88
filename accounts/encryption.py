"""What the database must not show: small secrets, encrypted under a key derived from SECRET_KEY."""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

__all__ = ["InvalidToken", "decrypt", "encrypt"]


def encrypt(plain: bytes) -> str:
    return _fernet(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).encrypt(plain).decode()


def decrypt(sealed: str) -> bytes:
    """The plain bytes, also of what was sealed under a SECRET_KEY_FALLBACKS entry; else ``InvalidToken``."""
    return _fernet(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).decrypt(sealed)


@lru_cache(maxsize=4)
def _fernet(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(_derive(secret)) for secret in secrets])


def _derive(secret: str) -> bytes:
    return urlsafe_b64encode(HKDF(SHA256(), length=32, salt=None, info=b"authsvc encryption").derive(secret.encode()))
