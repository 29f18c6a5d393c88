"""Admin pages of API keys and of provider credentials."""

from apikeys.admin import keys, providers

__all__ = ["keys", "providers"]
