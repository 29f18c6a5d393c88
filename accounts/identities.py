"""Identity: the user of an access token, and the session that vouches for it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from accounts.audit.reasons import Reason
from accounts.db.compiled_statements import CompiledQuery
from accounts.errors import InvalidToken
from accounts.models import Role, Session
from accounts.tokens import AccessToken, read_access_token


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

_identity = CompiledQuery(
    build=lambda session_id: (
        Session.objects.live()
        .filter(pk=session_id, user__is_active=True)
        .values_list(*(f"user__{column}" for column in USER_COLUMNS), "pk", "contract")
    ),
    field=lambda: Session._meta.pk,
    sample=UUID(int=0),
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


def introspect(raw: str) -> tuple[Identity, AccessToken] | None:
    """Return the user and the claims of another client's access token; None if it is not good."""
    try:
        token = read_access_token(raw)
    except InvalidToken:
        return None
    identity = _identity.get(token.session_id)
    return (identity, token) if identity else None
