"""Reason codes of audit events and refusals, for programs to store, compare, count and filter.

``accounts`` registers ``Reason``; other apps add codes of their own when they start, with
``register`` and ``accounts.audit.reason_messages.register``. A new code needs no migration.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import TextChoices

from accounts.code_registry import CodeRegistry

Data = Mapping[str, Any]  # values of JSON: the details of a code, such as a limit and its seconds


class Reason(TextChoices):
    """A code with its details, if it has any, and a short label for charts and filters."""

    # Logins
    SIGNED_IN_TO_ADMIN = "signed_in_to_admin", "signed in to the admin"
    WRONG_PASSWORD = "wrong_password", "wrong password"
    NO_SUCH_ACCOUNT = "no_such_account", "no such account"
    ACCOUNT_INACTIVE = "account_inactive", "account deactivated"
    PASSWORD_CHANGE_REQUIRED = "password_change_required", "password must be changed"
    ACCOUNT_CHANGED = "account_changed", "account changed meanwhile"
    NOT_AN_OPERATOR = "not_an_operator", "no operator"
    DAMAGED_HASH = "damaged_hash", "damaged hash"
    OVERLOADED = "overloaded", "too many hashes at once"  # {"places"}
    CHALLENGE_INVALID = "challenge_invalid", "challenge invalid"
    CHALLENGE_EXPIRED = "challenge_expired", "challenge expired"
    CHALLENGE_OF_ANOTHER = "challenge_of_another", "challenge of another account"
    CHALLENGE_ANSWERED = "challenge_answered", "challenge answered before"
    # Limits: {"limit": 10, "seconds": 300}. The stored code says "name" for an identifier.
    GUESSES_BY_IDENTIFIER = "guesses_by_name", "wrong guesses by name"
    GUESSES_BY_ADDRESS = "guesses_by_address", "wrong guesses by address"
    ATTEMPTS_UNDER_WAY = "attempts_under_way", "other attempts under way"
    REFRESHES_OF_TOKEN = "refreshes_of_token", "refreshes of one token"
    RESET_MAILS = "reset_mails", "reset mails"
    # Tokens
    SESSION_ENDED = "session_ended", "session ended"
    TOKEN_EXPIRED = "token_expired", "token expired"
    TOKEN_INVALID = "token_invalid", "token invalid"  # {"detail"}, in SimpleJWT's words
    OTHER_CONTRACT = "other_contract", "token of another contract"  # {"contract"}
    OTHER_SESSION = "other_session", "access token of another session"
    OTHER_ACCOUNT = "other_account", "name of another account"
    TOKEN_BLACKLISTED = "token_blacklisted", "token spent or revoked"
    TOKEN_REUSED = "token_reused", "spent token used again"
    TWO_CREDENTIALS = "two_credentials", "two credentials at once"
    # Password resets
    NO_SUCH_CODE = "no_such_code", "no such code"
    NO_SUCH_LINK = "no_such_link", "no such link"
    LINK_EXPIRED = "link_expired", "link expired"
    LINK_USED = "link_used", "link used or replaced"
    TOO_MANY_WRONG_CODES = "too_many_wrong_codes", "too many wrong codes"
    WEAK_PASSWORD = "weak_password", "weak password"  # {"rules": [...]}, in Django's words
    # Passwords, and the sessions that a new one ends
    CHANGED = "changed", "changed"
    RESET_BY_LINK = "reset_by_link", "reset by link"
    RESET_BY_CODE = "reset_by_code", "reset by code"
    TEMPORARY_REPLACED = "temporary_replaced", "temporary one replaced"
    PASSWORD_SET = "password_set", "password set anew"
    # Ends of sessions
    LOGOUT = "logout", "logout"
    REVOKED = "revoked", "token revoked"
    ENDED_BY_OPERATOR = "ended_by_operator", "ended by an operator"
    SIGNED_OUT_OF_ADMIN = "signed_out_of_admin", "signed out of the admin"
    ADMIN_IDLE = "admin_idle", "idle in the admin"
    ADMIN_TOO_LONG = "admin_too_long", "signed in to the admin for too long"
    # Actions of operators
    CREATED = "created", "created"
    FIELDS = "fields", "fields changed"  # {"fields": [...], "source": a file, if it came from one}
    IMPORTED_FROM = "imported_from", "imported from a file"  # {"source", "hashed": true}
    SESSIONS_ENDED = "sessions_ended", "sessions ended"  # {"count"}
    EVERY_SESSION_ENDED = "every_session_ended", "every session ended"
    MAILED_TO = "mailed_to", "mailed"  # {"address"}
    MAIL = "mail", "mail"  # {"mail": its id, "kind"}
    # {"username": [before, after], "email": [before, after]}
    IDENTIFIERS = "identifiers", "user name or address changed"
    ROLE = "role", "role changed"  # {"before", "after"}
    EXPORT = "export", "export"  # {"what" or "filter", "format", "hashes": true}
    NOT_PERMITTED = "not_permitted", "not permitted"  # {"act"}
    MISSING_REASON = "missing_reason", "reason missing"  # {"act"}
    LAST_SUPER_ADMIN = "last_super_admin", "last super admin"
    ERASED_ALREADY = "erased_already", "erased already"
    NO_ADDRESS = "no_address", "no address"
    MAIL_OFF = "mail_off", "mail switched off"
    # {"what"}, and whatever names the thing that can be stored again
    UNREADABLE = "unreadable", "cannot be decrypted"
    # For sentences stored before there were codes; the event's note has them in full
    OTHER = "other", "other"


_registry = CodeRegistry("reason codes")
_registry.add(Reason)
labels, register = _registry.labels, _registry.add


def label(code: str) -> str:
    """Return the short label of a code, and the code itself if another release wrote it."""
    return labels.get(code, code)
