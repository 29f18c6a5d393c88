"""Codes of API keys and provider credentials in the audit log: kinds of events, and reasons.

Their messages are in ``apikeys.audit_messages``, which registers both.
"""

from django.db.models import TextChoices

KEYS_PAGE = "keys"  # in place of a contract's name, for requests to the page of API keys


class KeyEventKind(TextChoices):
    """Kinds of the events of API keys. A new one needs no migration."""

    KEY_CREATED = "key_created", "API key created"
    KEY_ROTATED = "key_rotated", "API key rotated"
    KEY_GRANTED = "key_granted", "API key granted a scope by an operator"
    KEY_SCOPE_LOST = "key_scope_lost", "API key lost a scope of operators"
    KEY_DELETED = "key_deleted", "API key ended"
    KEY_LEAKED = "key_leaked", "API key reported as leaked"
    KEY_USED_FROM_NEW_ADDRESS = "key_used_from_new_address", "API key used from a new address"
    KEYS_ENDED = "keys_ended", "API keys ended by an operator"


class CredentialEventKind(TextChoices):
    """Kinds of the events of provider credentials. A new one needs no migration."""

    CREDENTIALS_VIEWED = "credentials_viewed", "Provider credentials looked at"
    CREDENTIALS_REFUSED = "credentials_refused", "Provider credentials refused"
    CREDENTIALS_CHANGED = "credentials_changed", "Provider credentials changed"
    CREDENTIALS_DELETED = "credentials_deleted", "Provider credentials deleted"


# The column ``name`` of these has the id of a key, or the name of a provider.
NAMING_KEYS = (
    KeyEventKind.KEY_CREATED,
    KeyEventKind.KEY_ROTATED,
    KeyEventKind.KEY_SCOPE_LOST,
    KeyEventKind.KEY_DELETED,
    KeyEventKind.KEY_LEAKED,
    KeyEventKind.KEY_USED_FROM_NEW_ADDRESS,
)
NAMING_PROVIDERS = (
    CredentialEventKind.CREDENTIALS_CHANGED,
    CredentialEventKind.CREDENTIALS_DELETED,
)


class KeyReason(TextChoices):
    """Reason codes of API keys, with their data and a short label."""

    SIGNED_IN_TO_KEYS = "signed_in_to_keys", "signed in to the page of API keys"
    KEY_MISTYPED = "key_mistyped", "key mistyped"
    NO_SUCH_KEY = "no_such_key", "no such key"
    WRONG_CLIENT_ID = "wrong_client_id", "client id of another key"
    MISSING_SCOPE = "missing_scope", "scope missing"  # {"scope"}
    SCOPE_RESERVED = "scope_reserved", "scope for operators to grant"  # {"scope"}
    SCOPE_GRANTED = "scope_granted", "scope granted"  # {"key", "scope"}
    # {"scope", "ended": true if the key had no other scope}
    OWNER_NO_OPERATOR = "owner_no_operator", "owner no operator any more"
    TOO_MANY_KEYS = "too_many_keys", "too many keys"  # {"limit"}
    ROTATED_BEFORE = "rotated_before", "rotated before"
    SUCCESSOR_OF = "successor_of", "successor"  # {"key"}
    NEW_NETWORK = "new_network", "new network"  # {"network"}
    KEY_AS_TOKEN = "key_as_token", "key in place of a token"
    REVOKED_BY_KEY = "revoked_by_key", "revoked by a service"  # {"key"}
    KEYS_ENDED = "keys_ended", "keys ended"  # {"count"}
    KEY_ENDED = "key_ended", "key ended"  # {"key"}


class CredentialReason(TextChoices):
    """Reason codes of provider credentials, with their data and a short label."""

    PROVIDER = "provider", "credentials"  # {"provider"}
    ADMIN_REQUIRED = "admin_required", "no admin"  # {"role", "provider"}
    NOTHING_STORED = "nothing_stored", "nothing stored"  # {"provider"}
    # {"key_id", "region", "new_secret": true or false}
    CREDENTIALS_STORED = "credentials_stored", "stored"
