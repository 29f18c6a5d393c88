"""The tokens that a client gets for a session: signed from its row, and never stored."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts.db.compiled_statements import CompiledInsert
from accounts.policy import Policy
from accounts.status_lists import indices
from accounts.tokens import AccessToken, IdToken, RefreshToken

_insert_outstanding = CompiledInsert(OutstandingToken)


class TokenOwner(Protocol):
    """The user whose tokens are signed: a ``User``, or the columns of one in a joined row."""

    @property
    def uuid(self) -> UUID: ...
    @property
    def username(self) -> str: ...
    @property
    def email(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class IssuedTokens:
    """Tokens of one session, with their expiries; ``refresh`` is empty if none is given out."""

    user: TokenOwner
    contract: str
    session_id: UUID
    at: datetime
    access: str = field(repr=False)
    access_expires: datetime
    refresh: str = field(default="", repr=False)
    refresh_expires: datetime

    @property
    def access_seconds(self) -> int:
        return int((self.access_expires - self.at).total_seconds())

    @property
    def refresh_seconds(self) -> int:
        return int((self.refresh_expires - self.at).total_seconds())

    @property
    def username(self) -> str:
        return self.user.username

    @property
    def identity(self) -> str:
        """An id token: the user's claims as OpenID Connect Core, 5.1, names them."""
        claims = {
            "sub": str(self.user.uuid),
            "sid": str(self.session_id),
            "aud": self.contract,
            "preferred_username": self.user.username,
            "email": self.user.email or "",
        }
        return IdToken.issue(at=self.at, expires=self.access_expires, jti=uuid4().hex, **claims)


def issue(
    policy: Policy,
    user: TokenOwner,
    session_id: UUID,
    *,
    status_index: int | None,
    at: datetime,
    until: datetime,
    refresh_jti: str,
    refreshed_at: datetime | None,
) -> IssuedTokens:
    """Sign the tokens of a session that ends at ``until``; no refresh token without a ``jti``.

    A refresh token is signed from the session's row alone: signed again, it is the same text.
    """
    claims = {"sub": str(user.uuid), "sid": str(session_id), "contract": policy.name}
    access_expires = min(at + policy.access, until)
    return IssuedTokens(
        user=user,
        contract=policy.name,
        session_id=session_id,
        at=at,
        access=AccessToken.issue(
            at=at,
            expires=access_expires,
            jti=uuid4().hex,
            **claims,
            **indices.claim(status_index),
        ),
        access_expires=access_expires,
        refresh=RefreshToken.issue(at=refreshed_at or at, expires=until, jti=refresh_jti, **claims)
        if refresh_jti
        else "",
        refresh_expires=until,
    )


def outstanding_row(
    jti: str, user_id: int, at: datetime, expires_at: datetime
) -> tuple[CompiledInsert, dict[str, Any]]:
    """Return the insert of a refresh token into SimpleJWT's list of outstanding ones.

    The row has the token's id and dates, and never its text.
    """
    return _insert_outstanding, {
        "jti": jti,
        "user_id": user_id,
        "token": "",
        "created_at": at,
        "expires_at": expires_at,
    }
