"""What the core refuses. Names only: the status and the sentence belong to each contract."""

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from accounts.audit import reason_messages
from accounts.audit.reasons import Data, Reason

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User


class AuthError(Exception):
    """A rule of the core said no. ``reason`` is the code of the true reason, ``data`` its details, ``name`` and ``session`` say whose:
    for operators, never for the client.
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
    """The name, the password, or the account's state is wrong; which of them is in ``reason`` only."""


class UnknownAccount(InvalidCredentials):
    """No account has this name. Contracts put it like any other wrong credential, unless the operator wants it told."""


class InvalidToken(AuthError):
    """An access token that opens nothing: forged, expired, of another kind, or of a session that ended."""


class InvalidRefreshToken(AuthError):
    """A refresh token that opens nothing, here or anywhere."""


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
    """An account was sent as many ways back in as anybody may get in an hour."""


class InvalidCode(InvalidCredentials):
    """A confirmation code that does not fit the name, or no longer."""


class InvalidChallenge(InvalidCredentials):
    """A challenge's session string that is forged, answered, expired or somebody else's."""


class WeakPassword(AuthError):
    """A new password that breaks the rules; ``reasons`` are sentences for whoever chose it. Nothing was used up."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(Reason.WEAK_PASSWORD, data={"rules": list(reasons)})
        self.reasons = reasons

    @property
    def text(self) -> str:
        """All rules that were broken."""
        return " ".join(self.reasons)


class EmailDisabled(AuthError):
    """Mail is asked for where the operator sends none."""


class TooManyAttempts(AuthError):
    """A budget is used up; it is renewed after ``retry_after``."""

    def __init__(
        self, retry_after: timedelta, reason: str = "", *, name: str = "", data: Data | None = None
    ) -> None:
        super().__init__(reason, name=name, data=data)
        self.retry_after = retry_after

    @property
    def seconds(self) -> int:
        """The wait in whole seconds, and never 0: a client that takes ``Retry-After: 0`` at its word comes back at once."""
        return max(1, ceil(self.retry_after.total_seconds()))

    @property
    def minutes(self) -> int:
        """The wait in minutes, rounded up."""
        return ceil(self.seconds / 60)


class AttemptsUnderWay(TooManyAttempts):
    """As many attempts are being checked as may still be wrong. Nothing is locked: whoever asks again in a second may get in."""


class HashingOverloaded(AuthError):
    """No place is free in the queue of password hashes; nothing was checked, and no budget is spent."""


class UnusableKeyring(AuthError):
    """The stored signing keys cannot be opened with this SECRET_KEY."""

    def __str__(self) -> str:
        return reason_messages.text(self.reason, self.data)


class UnusableSealKey(AuthError):
    """The stored key of the audit log's seals cannot be decrypted with the keys that are configured."""

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
    """The account is not any more what the operator was shown."""


class MissingReason(AuthError):
    """A dangerous action of an operator came without the reason that the audit log keeps."""

    def __init__(self, action: str) -> None:
        super().__init__(Reason.MISSING_REASON, data={"act": action})  # stored as "act"
