"""Authentication by API key in ``Authorization: Bearer`` or ``X-API-Key``, never in a query."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.api.authentication import HasHeaders, bearer_token
from accounts.api.operations import Refusals
from accounts.audit.reasons import Reason
from accounts.errors import InvalidToken
from accounts.identities import Identity
from apikeys import keys
from apikeys.audit_codes import KeyReason
from apikeys.errors import MissingScope
from apikeys.key_format import PREFIX
from apikeys.scopes import Scope


class KeyAuthentication(BaseAuthentication):
    """Authentication by a live key with ``scope``, whose owner is active."""

    scope = Scope.PROFILE
    refuses: Refusals = (InvalidToken, MissingScope)

    def authenticate(self, request: Request) -> tuple[Identity, str] | None:
        secret = presented_key(request)
        return (self.identify(secret), secret) if secret else None

    def identify(self, secret: str) -> Identity:
        """Return the owner of a live key; ``MissingScope`` for a key without the scope."""
        return identify_key(secret, self.scope)


def presented_key(request: HasHeaders) -> str | None:
    """Return the API key of a request; None if there is another token, or nothing."""
    bearer, header = bearer_token(request), request.META.get("HTTP_X_API_KEY")
    if bearer and header and bearer != header:
        raise InvalidToken(Reason.TWO_CREDENTIALS)
    return header or (bearer if bearer and bearer.startswith(PREFIX) else None)


def identify_key(secret: str, scope: Scope) -> Identity:
    """Return the owner of a live key; ``MissingScope`` for a key without ``scope``."""
    identity = keys.identify(secret)
    if scope not in identity.scope.split():
        raise MissingScope(KeyReason.MISSING_SCOPE, data={"scope": str(scope)})
    return identity
