"""Mail templates of API keys. ``apikeys.receivers`` registers them."""

from django.db.models import TextChoices


class KeyTemplate(TextChoices):
    KEYS_REMAIN = "keys_remain", "Notice that API keys outlived a reset"
    KEY_LEAKED = "key_leaked", "Notice that an API key was reported as leaked"
    KEY_CREATED = "key_created", "Notice that an API key was made"
    KEY_ROTATED = "key_rotated", "Notice that an API key was rotated"


# Sections of mails of accounts: a new password, or another identifier, ends no keys.
KEYS_AFTER_CHANGE = "keys_after_change"
KEYS_AFTER_IDENTIFIER_CHANGE = "keys_after_identifier_change"
