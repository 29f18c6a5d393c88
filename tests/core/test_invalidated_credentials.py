"""The credentials of an account that each reason invalidates, all by one method of the user."""

import pytest
from django.test import Client

from accounts import challenges, password_reset, sessions
from accounts.audit.reasons import Reason
from accounts.errors import InvalidChallenge, InvalidCredentials, InvalidReset, InvalidToken
from accounts.identities import identify
from accounts.models import Session, User
from apikeys import keys
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.conftest import PASSWORD

POLICY = bearer.contract.policy

ALL = {"session", "login under way", "challenge", "reset", "browser session"}
INVALIDATED = {
    Reason.ACCOUNT_INACTIVE: ALL,
    Reason.PASSWORD_SET: ALL,
    Reason.CHANGED: ALL,
    Reason.RESET_BY_LINK: ALL,
    Reason.RESET_BY_CODE: ALL,
    Reason.ENDED_BY_OPERATOR: ALL - {"reset"},
    Reason.ROLE: ALL - {"reset", "session"},
}


def refused(refusal, call):
    try:
        call()
    except refusal:
        return True
    return False


@pytest.fixture
def invalidated(olga):
    """Returns a function that says which credentials of Olga are not good any more."""
    issued = sessions.open_session(POLICY, "olga", PASSWORD)
    reset_secrets = password_reset.make(olga)
    User.objects.filter(pk=olga.pk).update(must_change_password=True)
    challenge = challenges.issue(olga)
    User.objects.filter(pk=olga.pk).update(must_change_password=False)
    before = User.objects.get(pk=olga.pk)
    browser = Client()
    browser.force_login(olga)

    def found():
        tried = {
            "session": refused(InvalidToken, lambda: identify(issued.access)),
            "login under way": refused(
                InvalidCredentials, lambda: sessions.create_session(POLICY, before)
            ),
            "reset": refused(InvalidReset, lambda: password_reset.find(reset_secrets.token)),
            "browser session": "_auth_user_id" not in browser.session
            or browser.get("/admin/").status_code == 302,
        }
        User.objects.filter(pk=olga.pk).update(must_change_password=True)
        tried["challenge"] = refused(
            InvalidChallenge,
            lambda: challenges.answer(POLICY, challenge, "olga", "four small blue lamps"),
        )
        return {name for name, is_refused in tried.items() if is_refused}

    return found


@pytest.mark.parametrize("reason", INVALIDATED)
def test_a_reason_invalidates(olga, invalidated, reason):
    olga.invalidate_credentials(reason)
    assert invalidated() == INVALIDATED[reason]


def test_nothing_is_invalidated_without_a_reason(olga, invalidated):
    assert invalidated() == set()


def test_it_returns_how_many_sessions_it_ended_and_keeps_one(alice):
    kept, *_ = [sessions.open_session(POLICY, "alice", PASSWORD) for _ in range(3)]
    assert alice.invalidate_credentials(Reason.CHANGED, keep=kept.session_id) == 2
    assert identify(kept.access).id == alice.pk


@pytest.mark.parametrize("reason", INVALIDATED)
def test_api_keys_end_with_a_deactivation_alone(alice, reason):
    owner = identify(sessions.open_session(POLICY, "alice", PASSWORD).access)
    keys.create(owner, "ci", [], None)
    alice.invalidate_credentials(reason)
    assert APIKey.objects.live().exists() == (reason != Reason.ACCOUNT_INACTIVE)


def test_a_deactivation_with_a_new_password_is_a_deactivation(alice):
    session = sessions.open_session(POLICY, "alice", PASSWORD)
    keys.create(identify(session.access), "ci", [], None)
    alice.is_active = False
    alice.set_password("four small green lamps")
    alice.save()
    assert Session.objects.get().revoked_reason == Reason.ACCOUNT_INACTIVE
    assert not APIKey.objects.live().exists()


def test_a_reason_is_known_by_its_code_too(alice):
    reset_secrets = password_reset.make(alice)
    alice.invalidate_credentials("ended_by_operator")
    assert password_reset.find(reset_secrets.token) == reset_secrets.reset
