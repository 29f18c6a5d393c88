"""Rotations that another request overtakes, between the query and the write of the session."""

from datetime import timedelta

import pytest
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import refresh, sessions
from accounts.audit.reasons import Reason
from accounts.errors import InvalidRefreshToken
from accounts.models import AuditEvent, Session
from accounts.policy import Policy
from tests.concurrency import overtaken
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
ROTATING = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365), rotates=True)
WRITE = 'SET "refresh_jti" = '  # the statement that replaces a refresh token


@pytest.fixture
def pair(alice):
    return sessions.open_session(ROTATING, "alice", PASSWORD)


def rotate(pair):
    return refresh.refresh_session(ROTATING, pair.refresh)


def test_a_rotation_that_another_overtakes_has_the_same_successor(pair):
    with overtaken(lambda: rotate(pair), before=WRITE) as others:
        mine = rotate(pair)
    assert [other.refresh for other in others] == [mine.refresh]
    assert OutstandingToken.objects.filter(blacklistedtoken=None).count() == 1
    assert rotate(mine).refresh != mine.refresh


def test_a_rotation_that_a_logout_overtakes_has_none(pair):
    """Its token was good when it was read: it is refused, and not taken for a stolen one."""
    with (
        overtaken(lambda: Session.objects.revoke(Reason.LOGOUT), before=WRITE) as ended,
        pytest.raises(InvalidRefreshToken, match="session_ended"),
    ):
        rotate(pair)
    assert ended == [1]
    assert not OutstandingToken.objects.filter(blacklistedtoken=None).exists()
    assert not AuditEvent.objects.filter(kind=AuditEvent.Kind.REFRESH_REUSED).exists()
