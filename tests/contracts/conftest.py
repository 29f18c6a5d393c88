"""John, of whom document 002 tells, and his tokens."""

import pytest

from tests.contracts.form_login import log_in


@pytest.fixture
def john(alice):
    type(alice).objects.filter(pk=alice.pk).update(
        username="john", email="john@example.com", name="John Doe"
    )
    alice.refresh_from_db()
    return alice


@pytest.fixture
def tokens(caller, john):
    """Return John's access and refresh token; the cookie stays with the caller."""
    body = log_in(caller).json()
    return body["access_token"]["token"], body["refresh_token"]["token"]
