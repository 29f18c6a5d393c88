"""Sessions: Alice's tokens are good for exactly as long as her session is live."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import challenges, identities, passwords, refresh, request_context, sessions
from accounts.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    PasswordChangeRequired,
)
from accounts.models import Session, User
from accounts.policy import Policy
from accounts.request_context import RequestContext
from accounts.tokens import AccessToken, RefreshToken
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
POLICY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))
BRIEF = Policy(name="envelope", access=timedelta(hours=24), refresh=None)


def log_in(username="alice", policy=POLICY):
    return sessions.open_session(policy, username, PASSWORD)


def grow_old(issued, **ago):
    """Move a session so far back that its tokens have expired, which is exact to the second."""
    then = now() - timedelta(**ago)
    claims = {"sub": str(issued.user.uuid), "sid": str(issued.session_id), "jti": "0" * 32}
    return AccessToken.issue(at=then - timedelta(hours=1), expires=then, **claims)


def test_a_login_is_remembered_with_where_it_came_from(alice):
    with request_context.use(
        RequestContext(
            address="192.0.2.7", user_agent="Mozilla\r\n\x1b[31m" + "x" * 300, contract="bearer"
        )
    ):
        issued = log_in()
    session = Session.objects.get()
    assert (session.pk, session.user, session.contract, session.address) == (
        issued.session_id,
        alice,
        "bearer",
        "192.0.2.7",
    )
    assert session.user_agent.startswith("Mozilla\\r\\n\\x1b[31mxxx")
    assert len(session.user_agent) == 255
    assert session.expires_at - session.created_at == timedelta(days=30)
    alice.refresh_from_db()
    assert alice.last_login == session.created_at


def test_a_login_gives_tokens_for_as_long_as_its_policy_says(alice):
    issued = log_in()
    assert (issued.access_seconds, issued.refresh_seconds) == (3600, 30 * 86_400)
    brief = log_in(policy=BRIEF)
    assert (brief.access_seconds, brief.refresh) == (86_400, "")
    assert OutstandingToken.objects.count() == 1


def test_an_access_token_identifies_the_caller(alice):
    identity = identities.identify(log_in().access)
    assert (identity.id, identity.uuid, identity.username, identity.email) == (
        alice.pk,
        alice.uuid,
        "alice",
        "alice@example.com",
    )
    assert (identity.role, identity.is_admin, identity.is_authenticated) == ("user", False, True)
    assert identity.session_id == Session.objects.get().pk


def test_a_wrong_password_opens_nothing(alice):
    with pytest.raises(InvalidCredentials, match="wrong_password"):
        sessions.open_session(POLICY, "alice", "wrong")
    assert not Session.objects.exists()


def test_a_password_that_must_be_changed_opens_nothing(alice):
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    with pytest.raises(PasswordChangeRequired) as refusal:
        log_in()
    assert refusal.value.user == alice
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_login_that_a_deactivation_overtakes_does_not_finish(alice):
    overtaken = passwords.authenticate("alice", PASSWORD)
    User.objects.get(pk=alice.pk).invalidate_credentials("password_set")
    with pytest.raises(InvalidCredentials, match="account_changed"):
        sessions.create_session(POLICY, overtaken)
    assert not Session.objects.exists()


def test_an_expired_token_opens_nothing_but_may_end_its_session(alice):
    issued = log_in()
    expired = grow_old(issued, seconds=1)
    with pytest.raises(InvalidToken):
        identities.identify(expired)
    sessions.log_out(identities.identify(expired, expired=True))
    assert not Session.objects.live().exists()


def test_an_expired_session_is_over_whatever_its_tokens_say(alice):
    issued = log_in()
    Session.objects.update(expires_at=now() - timedelta(seconds=1))
    with pytest.raises(InvalidToken, match="session_ended"):
        identities.identify(issued.access)
    with pytest.raises(InvalidRefreshToken, match="session_ended"):
        refresh.refresh_session(POLICY, issued.refresh)


def test_a_token_never_outlives_its_session(alice):
    issued = log_in()
    Session.objects.update(expires_at=now() + timedelta(minutes=10))
    assert 590 <= refresh.refresh_session(POLICY, issued.refresh).access_seconds <= 600


def test_a_logout_ends_its_session_and_no_other(alice):
    here, there = log_in(), log_in()
    sessions.log_out(identities.identify(here.access))
    with pytest.raises(InvalidToken, match="session_ended"):
        identities.identify(here.access)
    with pytest.raises(InvalidRefreshToken, match="session_ended"):
        refresh.refresh_session(POLICY, here.refresh)
    assert identities.identify(there.access).session_id == there.session_id
    ended = Session.objects.get(pk=here.session_id)
    assert (ended.revoked_at is not None, ended.revoked_reason) == (True, "logout")


def test_a_logout_with_the_refresh_token_of_another_session_ends_both(alice):
    here, there = log_in(), log_in()
    sessions.log_out(identities.identify(here.access), refresh=there.refresh)
    assert not Session.objects.live().exists()


def test_a_logout_with_another_users_refresh_token_ends_only_ones_own_session(alice, bob):
    hers, his = log_in(), log_in("bob")
    sessions.log_out(identities.identify(hers.access), refresh=his.refresh)
    assert Session.objects.live().get().user == bob


@pytest.mark.parametrize("refresh", ["made up", "", None])
def test_a_logout_with_no_good_refresh_token_ends_the_session_all_the_same(alice, refresh):
    sessions.log_out(identities.identify(log_in().access), refresh=refresh)
    assert not Session.objects.live().exists()


def test_a_revocation_ends_the_session_of_a_refresh_token(alice):
    here, there = log_in(), log_in()
    sessions.revoke(here.refresh)
    sessions.revoke(here.refresh)
    assert Session.objects.live().get().pk == there.session_id
    assert Session.objects.get(pk=here.session_id).revoked_reason == "revoked"


def test_a_session_that_ended_keeps_its_first_reason(alice):
    issued = log_in()
    sessions.log_out(identities.identify(issued.access))
    ended = Session.objects.get()
    sessions.revoke(issued.refresh)
    assert alice.invalidate_credentials("ended_by_operator") == 0
    again = Session.objects.get()
    assert (again.revoked_reason, again.revoked_at) == ("logout", ended.revoked_at)


@pytest.mark.parametrize("kind", ["access", "identity"])
def test_only_a_refresh_token_revokes_or_refreshes(alice, kind):
    token = getattr(log_in(), kind)
    with pytest.raises(InvalidRefreshToken):
        sessions.revoke(token)
    with pytest.raises(InvalidRefreshToken):
        refresh.refresh_session(POLICY, token)
    assert Session.objects.live().count() == 1


@pytest.mark.parametrize("kind", ["refresh", "identity"])
def test_only_an_access_token_identifies_the_caller(alice, kind):
    with pytest.raises(InvalidToken):
        identities.identify(getattr(log_in(), kind))
    with pytest.raises(InvalidToken):
        identities.identify(challenges.issue(alice))


def test_ending_all_sessions_says_how_many_there_were(alice, bob):
    log_in(), log_in(), log_in("bob")
    Session.objects.filter(pk=Session.objects.filter(user=alice).values("pk")[:1]).update(
        expires_at=now() - timedelta(seconds=1)
    )
    assert alice.invalidate_credentials("ended_by_operator") == 1
    assert Session.objects.live().get().user == bob


def test_the_refresh_tokens_of_ended_sessions_are_on_simplejwts_blacklist(alice):
    here, there = log_in(), log_in()
    sessions.log_out(identities.identify(here.access))
    blacklisted = set(BlacklistedToken.objects.values_list("token__jti", flat=True))
    assert blacklisted == {RefreshToken.read(here.refresh).jti}
    outstanding = OutstandingToken.objects.get(jti=RefreshToken.read(there.refresh).jti)
    assert (outstanding.user, outstanding.token) == (alice, "")
    assert int(outstanding.expires_at.timestamp()) == RefreshToken.read(there.refresh)["exp"]


def test_a_token_blacklisted_by_hand_is_refused(alice):
    issued = log_in()
    BlacklistedToken.objects.create(token=OutstandingToken.objects.get())
    with pytest.raises(InvalidRefreshToken, match="blacklisted"):
        refresh.refresh_session(POLICY, issued.refresh)


def test_no_usable_token_is_stored_anywhere(alice):
    issued = log_in()
    refresh.refresh_session(POLICY, issued.refresh)
    stored = "\n".join(
        str(row) for model in apps.get_models() for row in model._default_manager.values_list()
    )
    assert str(issued.session_id) in stored or repr(issued.session_id) in stored
    for token in (issued.access, issued.refresh):
        assert not any(part in stored for part in token.split("."))
    assert PASSWORD not in stored


def test_a_refresh_remembers_when_the_session_was_last_used(alice):
    issued = log_in()
    Session.objects.update(last_used_at=now() - timedelta(hours=1))
    refresh.refresh_session(POLICY, issued.refresh)
    assert now() - Session.objects.get().last_used_at < timedelta(minutes=1)
