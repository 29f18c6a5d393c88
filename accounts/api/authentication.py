"""Who is asking, by the Authorization header (RFC 6750, 2.1) and nothing else."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import identities
from accounts.audit.reasons import Reason
from accounts.errors import InvalidToken
from accounts.identities import Identity


def bearer_token(request: Request) -> str | None:
    """The token in ``Authorization: Bearer …``, its scheme in any case; None without one, or with nothing behind the scheme.

    Raises ``InvalidToken`` for a garbled one.
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
    """A bearer token is good for as long as its session is live."""

    expired = False

    def authenticate(self, request: Request) -> tuple[Identity, str] | None:
        token = bearer_token(request)
        return (identities.identify(token, expired=self.expired), token) if token else None


class ExpiredTokenAuthentication(SessionTokenAuthentication):
    """Also accepts a genuine token past its expiry, for what ends a live session."""

    expired = True
