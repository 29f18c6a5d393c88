"""Challenges: a temporary password is replaced by answering one."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils.timezone import now

from accounts import (
    challenges,
    identities,
    issued_tokens,
    passwords,
)
from accounts.errors import InvalidChallenge, InvalidCredentials, WeakPassword
from accounts.models import User
from accounts.tokens import ChallengeToken
from tests.concurrency import at_once
from tests.core.password_logins import NEW, answer, crowded, live, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def temporary(alice):
    """Return the challenge of Alice, who has signed in with a temporary password."""
    passwords.set_temporary(alice, "set by Olga, for once")
    return challenges.issue(passwords.authenticate("alice", "set by Olga, for once"))


@pytest.mark.parametrize("username", ["alice", " ALICE ", "Alice@Example.com", "ａｌｉｃｅ"])
def test_a_challenge_is_answered_with_a_new_password(alice, temporary, username):
    issued = answer(temporary, username)
    assert identities.identify(issued.access).id == alice.pk
    assert live(alice) == {issued.session_id}
    assert log_in(password=NEW).user == alice
    with pytest.raises(InvalidCredentials):
        log_in(password="set by Olga, for once")


def test_a_challenge_is_answered_once(alice, temporary):
    answer(temporary)
    with pytest.raises(InvalidChallenge):
        answer(temporary, password="another new one, twice")
    assert passwords.authenticate("alice", NEW) == alice


@pytest.mark.parametrize("username", ["bob", "bob@example.com", "", "nobody", "аlice"])
def test_a_challenge_is_for_its_own_user(alice, bob, temporary, username):
    passwords.set_temporary(bob, "set by Olga, for Bob")
    with pytest.raises(InvalidChallenge, match="challenge_of_another"):
        answer(temporary, username)
    bob.refresh_from_db()
    assert bob.must_change_password
    assert answer(temporary).user == alice


def test_a_challenge_holds_for_a_quarter_of_an_hour(alice, temporary):
    token = ChallengeToken.read(temporary)
    assert token["exp"] - token["iat"] == 900
    then = now() - timedelta(minutes=15)
    claims = {"sub": str(alice.uuid), "epoch": token["epoch"], "jti": "0" * 32}
    with pytest.raises(InvalidChallenge, match="expired"):
        answer(ChallengeToken.issue(at=then, expires=now(), **claims))
    assert (
        answer(ChallengeToken.issue(at=then, expires=now() + timedelta(minutes=1), **claims)).user
        == alice
    )


def test_a_challenge_is_void_once_the_account_has_changed(alice, temporary):
    passwords.set_temporary(User.objects.get(), "set by Olga once more")
    with pytest.raises(InvalidChallenge):
        answer(temporary)
    again = challenges.issue(User.objects.get())
    User.objects.update(is_active=False)
    with pytest.raises(InvalidChallenge):
        answer(again)


@pytest.mark.parametrize("kind", ["access", "refresh", "identity"])
def test_no_other_token_answers_a_challenge(alice, kind):
    token = getattr(log_in(), kind)
    User.objects.update(must_change_password=True)
    with pytest.raises(InvalidChallenge):
        answer(token)


@pytest.mark.parametrize("password", ["short", "password1", "set by Olga, for once"])
def test_a_weak_answer_or_the_temporary_password_uses_nothing_up(alice, temporary, password):
    with pytest.raises(WeakPassword):
        answer(temporary, password=password)
    assert not live(alice)
    assert answer(temporary).user == alice


@crowded
def test_of_six_answers_at_once_one_succeeds(alice, temporary):
    wanted = [f"{NEW}, {number}" for number in range(6)]
    answers = at_once(*(partial(answer, temporary, password=new) for new in wanted))
    assert sorted(type(each).__name__ for each in answers) == [
        *["InvalidChallenge"] * 5,
        "IssuedTokens",
    ]
    (chosen,) = (
        new
        for new, each in zip(wanted, answers, strict=True)
        if isinstance(each, issued_tokens.IssuedTokens)
    )
    assert passwords.authenticate("alice", chosen) == alice
    assert len(live(alice)) == 1
