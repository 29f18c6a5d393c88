"""Refusals of the core. Each contract says their status and their sentence."""

from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from accounts.audit import reason_messages
from accounts.audit.reasons import Data, Reason
from accounts.durations import minutes_rounded_up

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User


class AuthError(Exception):
    """Base of all refusals.

    ``reason`` is the code of the true reason and ``data`` its details; ``name`` is the user name or
    identifier concerned, ``session`` the session. All are for operators, never for the client.
    """

    def __init__(
        self,
        reason: str = "",
        *,
        name: str = "",
        session: "UUID | None" = None,
        data: Data | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.name, self.session, self.data = reason, name, session, data or {}


class InvalidCredentials(AuthError):
    """The identifier, the password or the account's state is wrong; ``reason`` says which."""


class UnknownAccount(InvalidCredentials):
    """No account has this identifier.

    Contracts answer it like any wrong credential, unless they are set to tell it.
    """


class InvalidToken(AuthError):
    """An access token that is forged, expired, another sort of token, or of an ended session."""


class InvalidRefreshToken(AuthError):
    """A refresh token that is not good: forged, spent, ended, or of another contract."""


class UnsupportedGrantType(AuthError):
    """An OAuth 2.0 grant other than ``password`` (RFC 6749, 5.2)."""


class PasswordChangeRequired(AuthError):
    """The password was right, and must be replaced before a session opens."""

    def __init__(self, user: "User") -> None:
        super().__init__(Reason.PASSWORD_CHANGE_REQUIRED, name=user.username)
        self.user = user


class InvalidReset(AuthError):
    """A reset token that is wrong, used, replaced or expired."""


class TooManyResets(AuthError):
    """The account was sent as many password resets as are allowed in an hour."""


class InvalidCode(InvalidCredentials):
    """A reset code that is not, or no longer, one of the identifier's account."""


class InvalidChallenge(InvalidCredentials):
    """A challenge's session string that is forged, answered, expired or another user's."""


class WeakPassword(AuthError):
    """A new password that breaks the rules; ``reasons`` are sentences for the user.

    The reset or challenge that came with it stays good.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__(Reason.WEAK_PASSWORD, data={"rules": list(reasons)})
        self.reasons = reasons

    @property
    def text(self) -> str:
        """All broken rules in one line."""
        return " ".join(self.reasons)


class EmailDisabled(AuthError):
    """A mail was requested, but EMAILS_ENABLED is off."""


class TooManyAttempts(AuthError):
    """A budget is used up; it is renewed after ``retry_after``."""

    def __init__(
        self, retry_after: timedelta, reason: str = "", *, name: str = "", data: Data | None = None
    ) -> None:
        super().__init__(reason, name=name, data=data)
        self.retry_after = retry_after

    @property
    def seconds(self) -> int:
        """The wait in whole seconds, at least 1: a client would obey ``Retry-After: 0``."""
        return max(1, ceil(self.retry_after.total_seconds()))

    @property
    def minutes(self) -> int:
        """Return the wait in minutes, rounded up."""
        return minutes_rounded_up(timedelta(seconds=self.seconds))


class AttemptsUnderWay(TooManyAttempts):
    """As many attempts are being checked as may still be wrong.

    Nothing is locked: the same attempt may succeed a second later.
    """


class HashingOverloaded(AuthError):
    """The hashing queue is full; nothing was checked, and no budget is spent."""


class UnusableKeyring(AuthError):
    """The stored signing keys cannot be decrypted with the configured keys."""

    def __str__(self) -> str:
        return reason_messages.text(self.reason, self.data)


class NextKeyTooNew(AuthError):
    """Verifiers may not know the next signing key before ``known_at``."""

    def __init__(self, known_at: datetime) -> None:
        super().__init__()
        self.known_at = known_at


class UnusableSealKey(AuthError):
    """The stored key of the audit log's seals cannot be decrypted with the configured keys."""

    def __str__(self) -> str:
        return reason_messages.text(self.reason, self.data)


class NotPermitted(AuthError):
    """An operator tried what their role does not allow: `action`, or what another code says."""

    def __init__(self, action: str = "", reason: Reason = Reason.NOT_PERMITTED) -> None:
        super().__init__(reason, data={"act": action} if action else {})  # stored as "act"


class IdentifierTaken(AuthError):
    """A user name or an address that another account has; ``field`` says which."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field


class ChangedMeanwhile(AuthError):
    """The account has changed since the operator's page was made."""


class MissingReason(AuthError):
    """A dangerous action of an operator came without the reason that the audit log keeps."""

    def __init__(self, action: str) -> None:
        super().__init__(Reason.MISSING_REASON, data={"act": action})  # stored as "act"
