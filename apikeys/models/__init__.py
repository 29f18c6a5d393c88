"""Models of API keys and of the credentials for upstream services."""

from apikeys.models.api_key import APIKey
from apikeys.models.known_address import KnownAddress
from apikeys.models.provider_credential import ProviderCredential

__all__ = ["APIKey", "KnownAddress", "ProviderCredential"]
