"""Reason codes: why something happened or was refused, for programs to store, compare, count and filter.

A new one is a member here and its text in ``accounts/audit/reason_messages.py``. It needs no migration.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import TextChoices

Data = Mapping[str, Any]  # values of JSON: what a code is about, such as a limit and its seconds


class Reason(TextChoices):
    """Each with its data, if it has any, and a short label for charts and filters."""

    # Logins
    SIGNED_IN_TO_ADMIN = "signed_in_to_admin", "signed in to the admin"
    SIGNED_IN_TO_KEYS = "signed_in_to_keys", "signed in to the page of API keys"
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
    # Limits: {"limit": 10, "seconds": 300}
    GUESSES_BY_NAME = "guesses_by_name", "wrong guesses by name"
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
    # What operators did
    CREATED = "created", "created"
    FIELDS = "fields", "fields changed"  # {"fields": [...], "source": a file, if it came from one}
    IMPORTED_FROM = "imported_from", "imported from a file"  # {"source", "hashed": true}
    SESSIONS_ENDED = "sessions_ended", "sessions ended"  # {"count"}
    EVERY_SESSION_ENDED = "every_session_ended", "every session ended"
    MAILED_TO = "mailed_to", "mailed"  # {"address"}
    MAIL = "mail", "mail"  # {"mail": its id, "kind"}
    IDENTIFIERS = (
        "identifiers",
        "user name or address changed",
    )  # {"username": [before, after], "email": [before, after]}
    ROLE = "role", "role changed"  # {"before", "after"}
    EXPORT = "export", "export"  # {"what" or "filter", "format", "hashes": true}
    NOT_PERMITTED = "not_permitted", "not permitted"  # {"act"}
    MISSING_REASON = "missing_reason", "reason missing"  # {"act"}
    LAST_SUPER_ADMIN = "last_super_admin", "last super admin"
    ERASED_ALREADY = "erased_already", "erased already"
    NO_ADDRESS = "no_address", "no address"
    MAIL_OFF = "mail_off", "mail switched off"
    # API keys and credentials of providers
    KEY_MISTYPED = "key_mistyped", "key mistyped"
    NO_SUCH_KEY = "no_such_key", "no such key"
    MISSING_SCOPE = "missing_scope", "scope missing"  # {"scope"}
    SCOPE_RESERVED = "scope_reserved", "scope for operators to grant"  # {"scope"}
    SCOPE_GRANTED = "scope_granted", "scope granted"  # {"key", "scope"}
    OWNER_NO_OPERATOR = (
        "owner_no_operator",
        "owner no operator any more",
    )  # {"scope", "ended": true if no other is left}
    TOO_MANY_KEYS = "too_many_keys", "too many keys"  # {"limit"}
    ROTATED_BEFORE = "rotated_before", "rotated before"
    SUCCESSOR_OF = "successor_of", "successor"  # {"key"}
    NEW_NETWORK = "new_network", "new network"  # {"network"}
    KEYS_ENDED = "keys_ended", "keys ended"  # {"count"}
    KEY_ENDED = "key_ended", "key ended"  # {"key"}
    PROVIDER = "provider", "credentials"  # {"provider"}
    ADMIN_REQUIRED = "admin_required", "no admin"  # {"role", "provider"}
    NOTHING_STORED = "nothing_stored", "nothing stored"  # {"provider"}
    UNREADABLE = "unreadable", "cannot be decrypted"  # {"what", "provider"}
    CREDENTIALS_STORED = (
        "credentials_stored",
        "stored",
    )  # {"key_id", "region", "new_secret": true or false}
    # What no other code says: the event's note has it in full
    OTHER = "other", "other"


def label(code: str) -> str:
    """The short label of a code; a code of another release is its own."""
    return str(Reason(code).label) if code in Reason else code
