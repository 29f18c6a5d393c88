"""Identity: the user of an access token, and the session that vouches for it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

from accounts.audit.reasons import Reason
from accounts.db.compiled_statements import CompiledQuery
from accounts.errors import InvalidRefreshToken, InvalidToken
from accounts.models import Role, Session
from accounts.tokens import SessionToken, read_access_token, read_refresh_token


class IdentityColumns(NamedTuple):
    """Columns of ``User`` under their own names, then those of the session or key."""

    id: int
    uuid: UUID
    username: str
    email: str | None
    name: str
    organization: str
    aws_region: str
    is_staff: bool
    is_superuser: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None
    session_id: UUID | None = None
    contract: str = ""
    scope: str = "session"


class Identity(Role, IdentityColumns):
    """A user as one query found it, with the live session, or the key of a scope, presented."""

    __slots__ = ()
    is_authenticated = True


USER_COLUMNS = tuple(field for field in Identity._fields if field not in Identity._field_defaults)


def _identities(**session: object) -> QuerySet[Session, tuple[object, ...]]:
    return (
        Session.objects.live()
        .filter(user__is_active=True, **session)
        .values_list(*(f"user__{column}" for column in USER_COLUMNS), "pk", "contract")
    )


_identity = CompiledQuery(
    build=lambda session_id: _identities(pk=session_id),
    field=lambda: Session._meta.pk,
    sample=UUID(int=0),
    row=Identity,
)
_refreshed_identity = CompiledQuery(
    build=lambda session_id, jti: _identities(pk=session_id, refresh_jti=jti).exclude(
        Exists(BlacklistedToken.objects.filter(token__jti=OuterRef("refresh_jti")))
    ),
    field=lambda: Session._meta.pk,
    sample=UUID(int=0),
    more=((lambda: Session._meta.get_field("refresh_jti"), "sample"),),
    row=Identity,
)


def identify(raw: str, *, expired: bool = False) -> Identity:
    """Return the user of an access token whose session is live now, by one query.

    ``expired`` accepts a genuine token past its expiry: enough to end its session or to refresh
    it, and for nothing else. ``InvalidToken`` for any other.
    """
    token = read_access_token(raw, expired=expired)
    identity = _identity.get(token.session_id)
    if identity is None:
        raise InvalidToken(Reason.SESSION_ENDED, session=token.session_id)
    return identity


class Introspected(NamedTuple):
    """A token of another client, and the user whose session it is of."""

    identity: Identity
    token: SessionToken


def introspect(raw: str) -> Introspected | None:
    """Return the user and the claims of another client's access token; None if it is not good."""
    try:
        token = read_access_token(raw)
    except InvalidToken:
        return None
    identity = _identity.get(token.session_id)
    return Introspected(identity, token) if identity else None


def introspect_refresh(raw: str) -> Introspected | None:
    """Return the same of a refresh token; one that rotation has replaced is not good."""
    try:
        token = read_refresh_token(raw)
    except InvalidRefreshToken:
        return None
    identity = _refreshed_identity.get(token.session_id, token.jti)
    return Introspected(identity, token) if identity else None
