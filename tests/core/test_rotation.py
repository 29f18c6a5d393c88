"""Rotation of refresh tokens: one successor, repeated for ten seconds; later reuse ends it all."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import identities, keyring, refresh, sessions
from accounts.audit.reasons import Reason
from accounts.errors import InvalidRefreshToken, InvalidToken
from accounts.models import AuditEvent, Session, SigningKey
from accounts.policy import Policy
from accounts.tokens import AccessToken, RefreshToken
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
YEAR = timedelta(days=365)
ROTATING = Policy(
    name="form", access=timedelta(days=7), refresh=YEAR, rotates=True, session_maximum=3 * YEAR
)
STEADY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))


@pytest.fixture
def first(alice):
    return sessions.open_session(ROTATING, "alice", PASSWORD)


def rotate(issued, **more):
    return refresh.refresh_session(ROTATING, issued.refresh, **more)


def long_ago(seconds=11):
    """Move the last rotation some seconds into the past."""
    Session.objects.update(rotated_at=now() - timedelta(seconds=seconds))


def test_a_refresh_token_is_replaced(first):
    second = rotate(first)
    third = rotate(second)
    assert len({first.refresh, second.refresh, third.refresh}) == 3
    assert {identities.identify(issued.access).session_id for issued in (first, second, third)} == {
        first.session_id
    }
    session = Session.objects.get()
    assert (session.refresh_jti, session.previous_jti) == (
        RefreshToken.read(third.refresh).jti,
        RefreshToken.read(second.refresh).jti,
    )


def test_a_spent_token_is_on_simplejwts_blacklist(first):
    second = rotate(first)
    assert set(BlacklistedToken.objects.values_list("token__jti", flat=True)) == {
        RefreshToken.read(first.refresh).jti
    }
    out = set(OutstandingToken.objects.values_list("jti", flat=True))
    assert out == {RefreshToken.read(issued.refresh).jti for issued in (first, second)}


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
    with pytest.raises(InvalidRefreshToken, match="token_reused"):
        rotate(first)
    for issued in (first, second):
        with pytest.raises(InvalidToken, match="session_ended"):
            identities.identify(issued.access)
        with pytest.raises(InvalidRefreshToken, match="session_ended"):
            rotate(issued)
    assert Session.objects.get().revoked_reason == "token_reused"


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
    assert identities.identify(other.access).session_id == other.session_id
    assert rotate(other).refresh


def test_reuse_is_noticed_though_every_process_was_started_anew(first):
    """All that is known of the token family is in its row: it is read as in a new process."""
    second = rotate(first)
    row = Session.objects.values().get()
    Session.objects.all().delete()
    Session.objects.create(**row | {"rotated_at": now() - timedelta(hours=1)})
    with pytest.raises(InvalidRefreshToken, match="token_reused"):
        rotate(first)
    with pytest.raises(InvalidRefreshToken, match="session_ended"):
        rotate(second)


def test_a_grandparent_is_no_retry(first):
    third = rotate(rotate(first))
    with pytest.raises(InvalidRefreshToken):
        rotate(first)
    with pytest.raises(InvalidToken):
        identities.identify(third.access)
    assert OutstandingToken.objects.count() == 3


def test_another_contracts_endpoint_does_not_refresh_a_spent_token(first):
    rotate(first)
    long_ago()
    with pytest.raises(InvalidRefreshToken, match="other_contract"):
        refresh.refresh_session(STEADY, first.refresh)


def test_another_contracts_endpoint_spends_nothing(first):
    with pytest.raises(InvalidRefreshToken, match="other_contract"):
        refresh.refresh_session(STEADY, first.refresh)
    assert rotate(first).refresh != first.refresh


def test_a_live_access_token_of_another_session_of_alice_may_refresh(alice, first):
    other = sessions.open_session(STEADY, "alice", PASSWORD).access
    assert rotate(first, holder=other).session_id == first.session_id


def test_an_access_token_of_another_user_spends_nothing(alice, bob, first):
    ended, expired = (sessions.open_session(ROTATING, "alice", PASSWORD) for _ in range(2))
    Session.objects.filter(pk=ended.session_id).revoke(Reason.LOGOUT)
    claims = {"sub": str(alice.uuid), "sid": str(expired.session_id), "jti": "0" * 32}
    late = AccessToken.issue(
        at=now() - timedelta(days=8), expires=now() - timedelta(days=1), **claims
    )
    with pytest.raises(InvalidRefreshToken):
        rotate(first, holder=sessions.open_session(ROTATING, "bob", PASSWORD).access)
    for holder in (ended.access, late, first.refresh, "made up", ""):
        with pytest.raises(InvalidToken):
            rotate(first, holder=holder)
    assert Session.objects.get(pk=first.session_id).rotated_at is None
    assert rotate(first, holder=first.access).refresh != first.refresh


def test_the_holder_may_come_with_an_expired_access_token(first):
    claims = {"sub": str(first.user.uuid), "sid": str(first.session_id), "jti": "0" * 32}
    expired = AccessToken.issue(
        at=now() - timedelta(days=8), expires=now() - timedelta(days=1), **claims
    )
    assert rotate(first, holder=expired).refresh != first.refresh


def age(days):
    """Move the login, and all since, so many days into the past."""
    past = {
        field: F(field) - timedelta(days=days)
        for field in ("created_at", "last_used_at", "expires_at", "rotated_at")
    }
    Session.objects.update(**past)


def test_each_refresh_token_lives_for_a_year_from_the_moment_when_it_was_made(first):
    age(300)
    second = rotate(first)
    session, out = (
        Session.objects.get(),
        OutstandingToken.objects.get(jti=RefreshToken.read(second.refresh).jti),
    )
    assert session.rotated_at
    assert (
        session.expires_at == session.rotated_at + YEAR == second.refresh_expires == out.expires_at
    )
    assert RefreshToken.read(second.refresh)["exp"] == int(session.expires_at.timestamp())
    assert second.refresh_seconds == YEAR.total_seconds()


def test_the_successor_is_the_same_byte_for_byte_though_the_session_was_prolonged(first):
    age(300)
    second = rotate(first)
    assert rotate(first).refresh == second.refresh == rotate(first).refresh


def test_no_token_family_lives_past_three_years_after_login(first):
    """The session ends however often it is used, and its last tokens end with it."""
    last = first
    for _ in range(3):
        age(364)
        last = rotate(last)
    opened = Session.objects.get().created_at
    assert last.refresh_expires == Session.objects.get().expires_at == opened + 3 * YEAR
    assert last.access_expires <= last.refresh_expires
    age(4)
    with pytest.raises(InvalidRefreshToken, match="ended"):
        rotate(last)


def test_a_token_family_unused_for_a_year_ends(first):
    age(366)
    with pytest.raises(InvalidRefreshToken, match="ended"):
        rotate(first)


def test_a_shorter_maximum_counts_for_sessions_that_are_open(first):
    age(20)
    shorter = replace(ROTATING, session_maximum=timedelta(days=10))
    with pytest.raises(InvalidRefreshToken, match="ended"):
        refresh.refresh_session(shorter, first.refresh)
    longer = refresh.refresh_session(
        replace(ROTATING, session_maximum=timedelta(days=30)), first.refresh
    )
    assert longer.refresh_expires == Session.objects.get().created_at + timedelta(days=30)


def test_without_a_maximum_a_token_family_ends_as_its_login_said(alice):
    fixed = replace(ROTATING, session_maximum=None)
    first = sessions.open_session(fixed, "alice", PASSWORD)
    assert refresh.refresh_session(fixed, first.refresh).refresh_expires == first.refresh_expires


def test_a_session_without_rotation_is_not_prolonged(alice):
    first = sessions.open_session(STEADY, "alice", PASSWORD)
    age(20)
    refresh.refresh_session(STEADY, first.refresh)
    assert Session.objects.get().expires_at == first.refresh_expires - timedelta(days=20)


def test_the_last_token_of_a_key_expires_before_the_key_retires(first):
    age(300)
    last = rotate(first)
    keyring.rotate()
    retires = [key.retires_at for key in SigningKey.objects.filter(use=SigningKey.Use.PREVIOUS)]
    assert retires
    assert all(retires_at and retires_at >= last.refresh_expires for retires_at in retires)


def test_a_steady_token_is_never_spent(alice):
    issued = sessions.open_session(STEADY, "alice", PASSWORD)
    refreshed = [refresh.refresh_session(STEADY, issued.refresh) for _ in range(5)]
    assert {again.refresh for again in refreshed} == {issued.refresh}
    assert len({identities.identify(again.access).session_id for again in refreshed}) == 1
    assert not BlacklistedToken.objects.exists()


def test_a_relative_may_refresh(alice):
    issued = sessions.open_session(STEADY, "alice", PASSWORD)
    relative = Policy(
        name="camel",
        access=timedelta(minutes=5),
        refresh=timedelta(days=1),
        accepts_refresh_from=frozenset({"bearer"}),
    )
    assert refresh.refresh_session(relative, issued.refresh).access_seconds == 300


def test_a_token_of_before_the_contract_stopped_rotating_is_spent_for_good(first):
    """Rotation is switched off: replaced tokens stay replaced."""
    second = rotate(first)
    steady = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365))
    with pytest.raises(InvalidRefreshToken):
        refresh.refresh_session(steady, first.refresh)
    assert refresh.refresh_session(steady, second.refresh).access
