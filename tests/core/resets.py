"""Password resets by token and by code."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts import password_reset, sessions
from accounts.errors import (
    InvalidCode,
    InvalidReset,
)
from accounts.models import PasswordReset
from accounts.policy import Policy
from tests.conftest import PASSWORD

POLICY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))
NEW = "eine Zeile, die keiner kennt"
WRONG = "WrongC0d"
crowded = pytest.mark.django_db(transaction=True)


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(POLICY, username, password)


def by_token(reset_secrets, password=NEW):
    return password_reset.use_token(reset_secrets.token, password)


def by_code(reset_secrets, password=NEW, username="alice"):
    return password_reset.use_code(username, reset_secrets.code, password)


each_way = pytest.mark.parametrize("use", [by_token, by_code])


def an_hour_passes():
    """Move all requests for a reset an hour back."""
    PasswordReset.objects.update(created_at=now() - timedelta(hours=1))


def guess(username="alice", code=WRONG):
    with pytest.raises(InvalidCode):
        password_reset.use_code(username, code, NEW)


REFUSAL = {by_token: InvalidReset, by_code: InvalidCode}


def refuses(use, reset_secrets):
    with pytest.raises(REFUSAL[use]):
        use(reset_secrets, "yet another password")


def kinds(answers):
    return Counter(type(answer) for answer in answers)
