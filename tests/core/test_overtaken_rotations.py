"""Rotations that another request overtakes, between the query and the write of the session."""

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import refresh, sessions
from accounts.audit.reasons import Reason
from accounts.errors import InvalidRefreshToken
from accounts.models import AuditEvent, Session
from accounts.policy import Policy
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
ROTATING = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365), rotates=True)


@pytest.fixture
def pair(alice):
    return sessions.open_session(ROTATING, "alice", PASSWORD)


def rotate(pair):
    return refresh.refresh_session(ROTATING, pair.refresh)


@contextmanager
def overtaken(other):
    """Run ``other`` once, just before the first statement that replaces a refresh token."""
    results: list[Any] = []

    def execute(run, sql, parameters, many, context):
        if 'SET "refresh_jti" = ' in sql and not results:
            results.append(None)
            results[0] = other()
        return run(sql, parameters, many, context)

    with connection.execute_wrapper(execute):
        yield results


def test_a_rotation_that_another_overtakes_has_the_same_successor(pair):
    with overtaken(lambda: rotate(pair)) as others:
        mine = rotate(pair)
    assert [other.refresh for other in others] == [mine.refresh]
    assert OutstandingToken.objects.filter(blacklistedtoken=None).count() == 1
    assert rotate(mine).refresh != mine.refresh


def test_a_rotation_that_a_logout_overtakes_has_none(pair):
    """Its token was good when it was read: it is refused, and not taken for a stolen one."""
    with (
        overtaken(lambda: Session.objects.revoke(Reason.LOGOUT)) as ended,
        pytest.raises(InvalidRefreshToken, match="session_ended"),
    ):
        rotate(pair)
    assert ended == [1]
    assert not OutstandingToken.objects.filter(blacklistedtoken=None).exists()
    assert not AuditEvent.objects.filter(kind=AuditEvent.Kind.REFRESH_REUSED).exists()
