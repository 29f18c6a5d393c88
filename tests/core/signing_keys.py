"""Logins whose tokens name a signing key."""

from datetime import timedelta

from accounts import sessions
from accounts.models import SigningKey
from accounts.policy import Policy
from tests.conftest import PASSWORD

POLICY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))
Use = SigningKey.Use


def log_in():
    return sessions.open_session(POLICY, "alice", PASSWORD)
