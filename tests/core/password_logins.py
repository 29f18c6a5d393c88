"""Logins by password, and the sessions that they open."""

from datetime import timedelta

import pytest

from accounts import (
    challenges,
    sessions,
)
from accounts.policy import Policy
from tests.conftest import PASSWORD

POLICY = Policy(name="challenge", access=timedelta(hours=24), refresh=timedelta(days=90))
NEW = "eine Zeile, die keiner kennt"
crowded = pytest.mark.django_db(transaction=True)


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(POLICY, username, password)


def live(user):
    return set(user.sessions.live().values_list("pk", flat=True))


def answer(challenge, username="alice", password=NEW):
    return challenges.answer(POLICY, challenge, username, password)
