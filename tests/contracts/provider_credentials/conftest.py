"""Stored credentials, and the token of an admin."""

import pytest

from apikeys.models import ProviderCredential
from tests.conftest import PASSWORD
from tests.contracts.provider_credentials.credentials import (
    AWS_SECRET,
    KEY_ID,
    MOUNT,
    NVIDIA_SECRET,
    become,
)


@pytest.fixture
def stored(db):
    aws, nvidia = (
        ProviderCredential(provider="aws", key_id=KEY_ID, region="eu-north-1"),
        ProviderCredential(provider="nvidia"),
    )
    for credential, secret in ((aws, AWS_SECRET), (nvidia, NVIDIA_SECRET)):
        credential.encrypt_secret(secret)
        credential.save()


@pytest.fixture
def token(caller, alice):
    """Return a token of Alice's, who is an admin now."""
    become(alice, is_staff=True)
    return caller.json(f"{MOUNT}/login", {"username": "alice", "password": PASSWORD}).json()[
        "token"
    ]
