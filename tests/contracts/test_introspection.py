"""RFC 7662, for a service that Bob runs: it asks whether the tokens that it is shown are good."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.tokens import AccessToken
from apikeys.models import APIKey
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(caller, alice):
    return caller.json("/api/auth/login", {"username": "alice", "password": PASSWORD}).json()[
        "token"
    ]


@pytest.fixture
def key(bob):
    return APIKey.objects.issue(bob.pk, scopes=["introspect"], granted_at=now())[1]


def ask(caller, token, key=""):
    return caller.form("/introspect", f"token={token}", **({"X-API-Key": key} if key else {}))


def test_a_live_token_is_active(caller, alice, token, key):
    answer = ask(caller, token, key)
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "active": True,
        "token_type": "Bearer",
        "iss": "http://testserver",
        "sub": str(alice.uuid),
        "username": "alice",
        "role": "user",
        "contract": "envelope",
        "sid": str(alice.sessions.get().pk),
        "jti": body["jti"],
        "iat": body["exp"] - 86_400,
        "exp": body["exp"],
    }


def test_a_token_of_a_session_that_ended_is_not(caller, token, key):
    caller.json("/api/auth/logout", token=token)
    assert ask(caller, token, key).json() == {"active": False}


def test_a_token_that_has_expired_is_not(caller, alice, key):
    """Genuine, and of a live session: only its own end has passed."""
    session, at = (
        alice.sessions.create(
            contract="bearer", last_used_at=now(), expires_at=now() + timedelta(days=1)
        ),
        now(),
    )
    claims = {"sub": str(alice.uuid), "sid": str(session.pk), "contract": "bearer", "jti": "a"}
    old = AccessToken.issue(at=at - timedelta(hours=2), expires=at - timedelta(seconds=1), **claims)
    good = AccessToken.issue(at=at, expires=at + timedelta(hours=1), **claims)
    assert (ask(caller, old, key).json(), ask(caller, good, key).json()["active"]) == (
        {"active": False},
        True,
    )


@pytest.mark.parametrize("wrong", ["nonsense", "a.b.c", "sk_live_x"])
def test_what_is_no_token_is_not(caller, key, wrong):
    answer = ask(caller, wrong, key)
    assert (answer.status_code, answer.json()) == (200, {"active": False})


def test_nobody_asks_without_a_key_of_that_scope(caller, bob, token):
    profile = APIKey.objects.issue(bob.pk)[1]
    assert [ask(caller, token, key).status_code for key in ("", profile, "sk_live_mistyped")] == [
        401,
        403,
        401,
    ]
    assert caller.form("/introspect", f"token={token}", token=token).status_code == 401
    assert ask(caller, token).json()["error"] == "invalid_client"


def test_asking_is_two_queries(caller, token, key, django_assert_num_queries):
    with django_assert_num_queries(2):
        ask(caller, token, key)


def test_asking_for_nothing(caller, key):
    answer = caller.form("/introspect", "x=y", **{"X-API-Key": key})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
