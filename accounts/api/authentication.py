"""Authentication of a request by its Authorization header (RFC 6750, 2.1), and nothing else."""

from typing import Any, Protocol

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import identities
from accounts.api.operations import Refusals
from accounts.audit.reasons import Reason
from accounts.errors import InvalidToken
from accounts.identities import Identity


class HasHeaders(Protocol):
    """A request of Django, of REST framework, or the environment of a WSGI request as ``META``."""

    @property
    def META(self) -> dict[str, Any]: ...


def bearer_token(request: HasHeaders) -> str | None:
    """Return the token in ``Authorization: Bearer …``, or None without one.

    The scheme may be in any case. Raises ``InvalidToken`` for a garbled header.
    """
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip()
    if " " in token or "," in token:
        raise InvalidToken(Reason.TOKEN_INVALID, data={"detail": "not one bearer token"})
    return token or None


class SessionTokenAuthentication(BaseAuthentication):
    """Authentication by an access token that has not expired, of a live session."""

    expired = False
    refuses: Refusals = (InvalidToken,)

    def authenticate(self, request: Request) -> tuple[Identity, str] | None:
        token = bearer_token(request)
        return (identities.identify(token, expired=self.expired), token) if token else None


class ExpiredTokenAuthentication(SessionTokenAuthentication):
    """Accepts a genuine token past its expiry, too, for what ends a live session."""

    expired = True
