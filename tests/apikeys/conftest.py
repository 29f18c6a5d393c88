"""Fixtures with an API key of Alice's."""

import pytest

from accounts import identities, sessions
from apikeys import keys
from tests.apikeys.key_helpers import POLICY
from tests.conftest import PASSWORD


@pytest.fixture
def owner(alice):
    """Return Alice's identity by the token of her session."""
    return identities.identify(sessions.open_session(POLICY, "alice", PASSWORD).access)


@pytest.fixture
def secret(owner):
    return keys.create(owner, "CI", ["profile"], None)[1]
