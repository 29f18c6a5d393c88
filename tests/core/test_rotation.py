"""A refresh token that rotates: one successor, ten seconds to ask for it again, and then an alarm."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import sessions
from accounts.contract import Policy
from accounts.errors import InvalidRefreshToken, InvalidToken
from accounts.models import AuditEvent, Session
from accounts.tokens import AccessToken, RefreshToken
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ROTATING = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365), rotates=True)
STEADY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))


@pytest.fixture
def first(alice):
    return sessions.open_session(ROTATING, "alice", PASSWORD)


def rotate(grant, **more):
    return sessions.refresh(ROTATING, grant.refresh, **more)


def long_ago(seconds=11):
    """Let the last rotation be some seconds in the past."""
    Session.objects.update(rotated_at=now() - timedelta(seconds=seconds))


def test_a_refresh_token_is_replaced(first):
    second = rotate(first)
    third = rotate(second)
    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert {sessions.identify(grant.access).session_id for grant in (first, second, third)} == {first.session_id}
    session = Session.objects.get()
    assert (session.refresh_jti, session.previous_jti) == (RefreshToken.read(third.refresh).jti, RefreshToken.read(second.refresh).jti)


def test_what_rotation_spent_is_on_simplejwts_blacklist(first):
    second = rotate(first)
    assert set(BlacklistedToken.objects.values_list("token__jti", flat=True)) == {RefreshToken.read(first.refresh).jti}
    out = set(OutstandingToken.objects.values_list("jti", flat=True))
    assert out == {RefreshToken.read(grant.refresh).jti for grant in (first, second)}


def test_a_spent_token_sent_again_at_once_gets_the_same_successor(first):
    second, again, once_more = rotate(first), rotate(first), rotate(first)
    assert second.refresh == again.refresh == once_more.refresh
    assert len({second.access, again.access, once_more.access}) == 3
    assert rotate(again).refresh != second.refresh


def test_the_successor_is_signed_from_the_row_however_late_the_retry(first):
    rotate(first)
    long_ago(seconds=8)
    retry, another = rotate(first), rotate(first)
    assert retry.refresh == another.refresh
    token, session = RefreshToken.read(retry.refresh), Session.objects.get()
    assert session.rotated_at
    assert (token.jti, token["iat"], token["exp"]) == (
        session.refresh_jti,
        int(session.rotated_at.timestamp()),
        int(session.expires_at.timestamp()),
    )


def test_a_spent_token_after_the_grace_ends_the_session(first):
    second = rotate(first)
    long_ago()
    with pytest.raises(InvalidRefreshToken, match="spent"):
        rotate(first)
    for grant in (first, second):
        with pytest.raises(InvalidToken, match="session ended"):
            sessions.identify(grant.access)
        with pytest.raises(InvalidRefreshToken, match="session ended"):
            rotate(grant)
    assert Session.objects.get().revoked_why == "spent refresh token used again"


def test_a_reuse_is_on_record(alice, first):
    rotate(first)
    long_ago()
    with pytest.raises(InvalidRefreshToken):
        rotate(first)
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.REFRESH_REUSED)
    assert (event.user, event.name, event.session) == (alice, "alice", first.session_id)


def test_a_reuse_ends_no_other_session(alice, first):
    other = sessions.open_session(ROTATING, "alice", PASSWORD)
    rotate(first)
    long_ago()
    with pytest.raises(InvalidRefreshToken):
        rotate(first)
    assert sessions.identify(other.access).session_id == other.session_id
    assert rotate(other).refresh


def test_reuse_is_noticed_though_every_process_was_started_anew(first):
    """All that is known of the line stands in the row: here it is read as a new process would."""
    second = rotate(first)
    row = Session.objects.values().get()
    Session.objects.all().delete()
    Session.objects.create(**row | {"rotated_at": now() - timedelta(hours=1)})
    with pytest.raises(InvalidRefreshToken, match="spent"):
        rotate(first)
    with pytest.raises(InvalidRefreshToken, match="session ended"):
        rotate(second)


def test_a_grandparent_is_no_retry(first):
    third = rotate(rotate(first))
    with pytest.raises(InvalidRefreshToken):
        rotate(first)
    with pytest.raises(InvalidToken):
        sessions.identify(third.access)
    assert OutstandingToken.objects.count() == 3


def test_another_contracts_door_is_no_way_round(first):
    rotate(first)
    long_ago()
    with pytest.raises(InvalidRefreshToken, match="issued by form"):
        sessions.refresh(STEADY, first.refresh)


def test_another_contracts_door_spends_nothing(first):
    with pytest.raises(InvalidRefreshToken, match="issued by form"):
        sessions.refresh(STEADY, first.refresh)
    assert rotate(first).refresh != first.refresh


def test_the_holder_of_another_session_spends_nothing(alice, bob, first):
    others = [sessions.open_session(ROTATING, name, PASSWORD).access for name in ("alice", "bob")]
    for other in others:
        with pytest.raises(InvalidRefreshToken, match="another session"):
            rotate(first, holder=other)
    with pytest.raises(InvalidToken):
        rotate(first, holder="made up")
    assert Session.objects.get(pk=first.session_id).rotated_at is None
    assert rotate(first, holder=first.access).refresh != first.refresh


def test_the_holder_may_come_with_an_expired_access_token(first):
    claims = {"sub": str(first.user.uuid), "sid": str(first.session_id), "jti": "0" * 32}
    expired = AccessToken.issue(at=now() - timedelta(days=8), expires=now() - timedelta(days=1), **claims)
    assert rotate(first, holder=expired).refresh != first.refresh


def test_a_line_ends_when_its_login_said_it_would(first):
    until = Session.objects.get().expires_at
    last = first
    for _ in range(3):
        last = rotate(last)
    assert (last.refresh_expires, Session.objects.get().expires_at) == (until, until)
    assert datetime.fromtimestamp(RefreshToken.read(last.refresh)["exp"], UTC) == until.replace(microsecond=0)


def test_near_its_end_a_line_gives_no_longer_tokens(first):
    Session.objects.update(expires_at=now() + timedelta(hours=1))
    second = rotate(first)
    assert 3590 <= second.access_seconds <= 3600
    assert 3590 <= second.refresh_seconds <= 3600


def test_a_steady_token_is_never_spent(alice):
    grant = sessions.open_session(STEADY, "alice", PASSWORD)
    refreshed = [sessions.refresh(STEADY, grant.refresh) for _ in range(5)]
    assert {again.refresh for again in refreshed} == {""}
    assert len({sessions.identify(again.access).session_id for again in refreshed}) == 1
    assert not BlacklistedToken.objects.exists()


def test_a_relative_may_refresh(alice):
    grant = sessions.open_session(STEADY, "alice", PASSWORD)
    relative = Policy(name="camel", access=timedelta(minutes=5), refresh=timedelta(days=1), also_refreshes=frozenset({"bearer"}))
    assert sessions.refresh(relative, grant.refresh).access_seconds == 300


def test_a_token_of_before_the_contract_stopped_rotating_is_spent_for_good(first):
    """The operator switches rotation off: what was replaced stays replaced."""
    second = rotate(first)
    steady = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365))
    with pytest.raises(InvalidRefreshToken):
        sessions.refresh(steady, first.refresh)
    assert sessions.refresh(steady, second.refresh).access
