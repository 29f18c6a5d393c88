"""What this room refuses."""

from django.core.exceptions import PermissionDenied

from accounts.audit import reason_messages
from accounts.errors import AuthError, InvalidToken


class InvalidKey(InvalidToken):
    """An API key that opens nothing: mistyped, ended, expired, or of somebody who was deactivated."""


class MissingScope(AuthError, PermissionDenied):
    """A live API key asks for what its scopes do not cover."""


class KeyNotFound(AuthError):
    """No key of this id that is the asker's and alive."""


class TooManyKeys(AuthError):
    """The owner has as many live keys as anybody may."""


class ScopeReserved(AuthError):
    """A scope that operators grant, asked for by somebody who is none."""


class AlreadyRotated(AuthError):
    """The key has a successor."""


class AdminRequired(AuthError):
    """The account is no admin, or no longer."""


class NothingStored(AuthError):
    """No credentials of this provider are stored."""


class UnreadableSecret(AuthError):
    """A stored secret that no encryption key opens as what belongs to its row."""

    def __str__(self) -> str:
        return reason_messages.text(self.reason, self.data)
