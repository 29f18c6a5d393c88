"""Kinds of audit events, and the registry of all of them.

``accounts`` registers ``Kind``; other apps add kinds of their own when they start, with
``register`` and ``accounts.audit.event_messages.register``. A new kind needs no migration.
"""

from collections.abc import Iterable

from django.db.models import TextChoices

from accounts.code_registry import CodeRegistry


class Kind(TextChoices):
    """Kinds of the events of ``accounts``, also known as ``AuditEvent.Kind``."""

    LOGIN = "login", "Login"
    LOGIN_FAILED = "login_failed", "Login refused"
    THROTTLED = "throttled", "Throttled"
    REFRESH_FAILED = "refresh_failed", "Refresh refused"
    REFRESH_REUSED = "refresh_reused", "Spent refresh token used again"
    LOGOUT = "logout", "Logout"
    REVOKE = "revoke", "Token revoked"
    SESSIONS_ENDED = "sessions_ended", "Sessions ended by an operator"
    ACCOUNT_CHANGED = "account_changed", "Account changed by an operator"
    RESET_ASKED = "reset_asked", "Password reset asked for"
    RESET_FAILED = "reset_failed", "Password reset refused"
    PASSWORD_CHANGED = "password_changed", "Password changed"
    INVITED = "invited", "Invited by an operator"
    RESET_SENT = "reset_sent", "Reset mail sent by an operator"
    TEMPORARY_PASSWORD = "temporary_password", "Temporary password given by an operator"
    CHANGE_FORCED = "change_forced", "Password change demanded by an operator"
    UNLOCKED = "unlocked", "Unlocked by an operator"
    DEACTIVATED = "deactivated", "Deactivated by an operator"
    REACTIVATED = "reactivated", "Reactivated by an operator"
    ROLE_CHANGED = "role_changed", "Role changed by an operator"
    IDENTIFIERS_CHANGED = "identifiers_changed", "User name or e-mail changed by an operator"
    ACTION_REFUSED = "act_refused", "Action of an operator refused"
    IMPORTED = "imported", "Accounts imported"
    EXPORTED = "exported", "Accounts or events exported"
    USER_DATA_EXPORTED = "person_exported", "Data of one user exported"
    ERASED = "erased", "User erased"
    MAIL_SENT_AGAIN = "mail_sent_again", "Mail sent again by an operator"
    SIGNING_KEY_ROTATED = "signing_key_rotated", "Signing key rotated"
    SIGNING_KEY_RETIRED = "signing_key_retired", "Signing key retired before its time"
    LOG_CHANGED = "log_changed", "Audit log not as it was sealed"


# The column ``name`` of these says what was exported, or has the id of a signing key.
NAMING_THINGS = (Kind.EXPORTED, Kind.SIGNING_KEY_ROTATED, Kind.SIGNING_KEY_RETIRED)

_registry = CodeRegistry("kinds of audit events")
labels, choices = _registry.labels, _registry.choices
_naming_things: set[str] = set()


def register(kinds: type[TextChoices], *, naming_things: Iterable[str] = ()) -> None:
    """Add the kinds of an app. ``ValueError`` for a code that another app has.

    ``naming_things`` are those with the name of a thing in their column ``name``, such as a key's
    or a file's. Every other kind has the identifier of a user there.
    """
    _registry.add(kinds)
    _naming_things.update(map(str, naming_things))


def names_a_thing(kind: str) -> bool:
    """Return whether the column ``name`` of this kind is not the identifier of a user."""
    return kind in _naming_things


register(Kind, naming_things=NAMING_THINGS)
