"""Token classes: SimpleJWT's, signed and verified with the keys of ``accounts/keyring.py``."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any, Self
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenBackendError, TokenError
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import datetime_to_epoch

from accounts import keyring
from accounts.audit.reasons import Reason
from accounts.errors import InvalidRefreshToken, InvalidToken
from accounts.keyring import Key

CLOCK_LEEWAY = timedelta(seconds=60)  # for nodes whose clock runs ahead; an expiry is exact
MAX_TOKEN_LENGTH = 4096  # characters; ours have about 500
HEADER_FIELDS = {"alg", "kid", "typ"}


class KeyringBackend(TokenBackend):
    """Signs with the current key and verifies with the one that the token's ``kid`` names.

    The backend of access tokens uses ``published`` keys alone. Every other token is signed by an
    unpublished one, so a service that verifies with the key set takes none of them for an access
    token. Those signed by a published key before this rule stay good until they expire.
    """

    def __init__(self, *, published: bool) -> None:
        super().__init__(algorithm="ES256", issuer=settings.PUBLIC_URL)
        self.published = published

    def encode(self, payload: dict[str, Any]) -> str:
        claims = {"iss": self.issuer, **payload}
        key = keyring.current()
        token = (
            key.sign(claims, settings.ACCESS_TOKEN_TYP)
            if self.published
            else key.unpublished.sign(claims)
        )
        _seen.keep(token, claims)
        return token

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """Return the claims of a token whose signature, issuer and ``iat`` are right.

        ``TokenBackendError`` for any other. ``Token.verify`` checks the expiry.
        """
        try:
            if (
                len(token) > MAX_TOKEN_LENGTH
                or (key := keyring.find(_kid(token.partition(".")[0]))) is None
            ):
                raise TokenBackendError("too long, or of no key that counts")
            if self.published and not key.published:
                raise TokenBackendError("signed by a key for other tokens")
            return dict(_seen.find(token) or _seen.keep(token, _claims(token, key)))
        except jwt.InvalidTokenError as error:
            raise TokenBackendError(str(error)) from error


@lru_cache(maxsize=64)
def _kid(header: str) -> str:
    """Return the key id of an encoded header with no fields but ``HEADER_FIELDS``.

    So no ``jwk``, ``jku``, ``x5u`` or ``crit`` is obeyed. ``jwt.DecodeError`` for any other.
    """
    try:
        parsed = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (Base64Error, ValueError, RecursionError) as error:
        raise jwt.DecodeError("not a JOSE header") from error
    if (
        not isinstance(parsed, dict)
        or not parsed.keys() <= HEADER_FIELDS
        or not isinstance(parsed.get("kid"), str)
    ):
        raise jwt.DecodeError("not a header of ours")
    kid: str = parsed["kid"]
    return kid


class SeenTokens:
    """A cache of the claims of tokens that this process has lately signed or verified.

    A right signature stays right, so it is not computed again. The key and the session of the
    token are looked up each time.
    """

    MAX_TOKENS = 2048

    def __init__(self) -> None:
        self._claims: dict[str, dict[str, Any]] = {}
        self._lock = Lock()

    def find(self, token: str) -> dict[str, Any] | None:
        return self._claims.get(token)

    def keep(self, token: str, claims: dict[str, Any]) -> dict[str, Any]:
        """Remember the claims, and forget the oldest ones beyond ``MAX_TOKENS``."""
        with self._lock:
            self._claims[token] = claims
            if len(self._claims) > self.MAX_TOKENS:
                del self._claims[next(iter(self._claims))]
        return claims


_seen = SeenTokens()


def _claims(token: str, key: Key) -> dict[str, Any]:
    return jwt.decode(
        token,
        key.public,
        algorithms=[key.algorithm],
        issuer=settings.PUBLIC_URL,
        leeway=CLOCK_LEEWAY,
        options={"verify_exp": False, "require": ["iss", "sub", "jti", "iat", "exp", "token_type"]},
    )


class SessionToken(Token):
    """A token of one session: ``sub`` is its user's uuid, ``sid`` its session's id."""

    lifetime = timedelta(0)  # each token says its own
    backend = KeyringBackend(published=False)

    @classmethod
    def issue(cls, *, at: datetime, expires: datetime, jti: str, **claims: Any) -> str:
        times = {"iat": datetime_to_epoch(at), "exp": datetime_to_epoch(expires)}
        return cls.backend.encode({"token_type": cls.token_type, "jti": jti, **times, **claims})

    @classmethod
    def read(cls, raw: str, *, expired: bool = False) -> Self:
        """Return a token of this class; SimpleJWT's ``TokenError`` for anything else.

        With ``expired``, one past its expiry is returned too.
        """
        token = cls(raw, verify=not expired)  # type: ignore[arg-type]
        if expired:
            token.verify_token_type()
        return token

    def check_exp(self, claim: str = "exp", current_time: datetime | None = None) -> None:
        """Raise ``ExpiredTokenError`` for an expired token, not SimpleJWT's ``TokenError``."""
        try:
            super().check_exp(claim, current_time)
        except TokenError as error:
            raise ExpiredTokenError(str(error)) from error

    def get_token_backend(self) -> TokenBackend:
        return self.backend

    @property
    def user_uuid(self) -> UUID:
        return UUID(self["sub"])

    @property
    def session_id(self) -> UUID:
        return UUID(self["sid"])

    @property
    def jti(self) -> str:
        return str(self["jti"])


class AccessToken(SessionToken):
    """The one token that other services may verify by the published keys."""

    token_type = "access"  # noqa: S105
    backend = KeyringBackend(published=True)


class RefreshToken(SessionToken):
    """Gets new tokens of its session, in the contracts that accept it."""

    token_type = "refresh"  # noqa: S105


class IdToken(SessionToken):
    """Tells the client who signed in (OpenID Connect Core, 2); its ``aud`` is the contract.

    No endpoint accepts it.
    """

    token_type = "id"  # noqa: S105


class ChallengeToken(SessionToken):
    """Proves that a user knew the temporary password, who still has to choose a new one."""

    token_type = "challenge"  # noqa: S105


def read_access_token(raw: str, *, expired: bool = False) -> AccessToken:
    """Return an access token, also an ``expired`` one if asked; else ``InvalidToken``."""
    try:
        return AccessToken.read(raw, expired=expired)
    except TokenError as error:
        raise _refused(InvalidToken, error) from error


def read_refresh_token(raw: str, *, expired: bool = False) -> RefreshToken:
    """Return a refresh token, also an ``expired`` one if asked; else ``InvalidRefreshToken``."""
    try:
        return RefreshToken.read(raw, expired=expired)
    except TokenError as error:
        raise _refused(InvalidRefreshToken, error) from error


def _refused(
    refusal: type[InvalidToken | InvalidRefreshToken], error: TokenError
) -> InvalidToken | InvalidRefreshToken:
    """Return the refusal of a token that could not be read, with the reason."""
    if isinstance(error, ExpiredTokenError):
        return refusal(Reason.TOKEN_EXPIRED)
    return refusal(Reason.TOKEN_INVALID, data={"detail": str(error)})


__all__ = [
    "AccessToken",
    "ChallengeToken",
    "ExpiredTokenError",
    "IdToken",
    "RefreshToken",
    "TokenError",
    "read_access_token",
    "read_refresh_token",
]
