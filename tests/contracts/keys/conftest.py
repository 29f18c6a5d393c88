"""Alice's and Bob's tokens, and keys of Alice's."""

import pytest
from django.utils.timezone import now

from apikeys.models import APIKey
from tests.contracts.keys.key_requests import PLAIN, log_in


@pytest.fixture
def token(caller, alice):
    return log_in(caller)


@pytest.fixture
def bobs(caller, bob):
    return log_in(caller, "bob")


@pytest.fixture
def make(caller, token):
    """Return a key of Alice's, as it was shown to her; an operator has granted its scopes."""

    def make(scopes=("profile",), **asked):
        made = caller.json(PLAIN, asked, token).json()
        APIKey.objects.filter(pk=made["keyId"].removeprefix("key_")).update(
            scope=" ".join(sorted(scopes)), granted_at=now()
        )
        return made

    return make
