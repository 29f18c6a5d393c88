"""Refusals of API keys and of provider credentials."""

from django.core.exceptions import PermissionDenied

from accounts.audit import reason_messages
from accounts.errors import AuthError, InvalidToken


class InvalidKey(InvalidToken):
    """The API key is mistyped, ended or expired, or its owner is deactivated."""


class WrongClientId(InvalidKey):
    """The API key came with a client id that is not the id of the key."""


class MissingScope(AuthError, PermissionDenied):
    """The scopes of a live API key do not cover the operation."""


class NotRevocable(AuthError):
    """An API key stands where a token of a session is revoked."""


class KeyNotFound(AuthError):
    """The caller has no live key with this id."""


class TooManyKeys(AuthError):
    """The owner has as many live keys as are allowed."""


class ScopeReserved(AuthError):
    """Only operators may grant this scope, and the caller is not an operator."""


class AlreadyRotated(AuthError):
    """The key has a successor."""


class AdminRequired(AuthError):
    """The account has no admin role, or has lost it."""


class NothingStored(AuthError):
    """No credentials of this provider are stored."""


class UnreadableSecret(AuthError):
    """No encryption key opens the stored secret as one of its row."""

    def __str__(self) -> str:
        return reason_messages.text(self.reason, self.data)
