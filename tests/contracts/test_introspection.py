"""RFC 7662, for a service that Bob runs: it asks whether the tokens that it is shown are good.

How it authenticates is in test_oauth_clients.py.
"""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.models import User
from accounts.tokens import AccessToken, RefreshToken
from apikeys.models import APIKey
from tests.conftest import PASSWORD
from tests.contracts.clients import ALONE

REFRESHING = [client for client in ALONE if client.refreshes]
pytestmark = pytest.mark.django_db


@pytest.fixture
def token(caller, alice):
    return caller.json("/api/auth/login", {"username": "alice", "password": PASSWORD}).json()[
        "token"
    ]


@pytest.fixture
def key(bob):
    return APIKey.objects.issue(bob.pk, scopes=["introspect"], granted_at=now())[1]


def ask(caller, token, key="", hint="", path="/oauth2/introspect"):
    body = urlencode({"token": token} | ({"token_type_hint": hint} if hint else {}))
    return caller.form(path, body, **({"X-API-Key": key} if key else {}))


@pytest.mark.parametrize("path", ["/oauth2/introspect", "/introspect"])
def test_a_live_token_is_active(caller, alice, token, key, path):
    answer = ask(caller, token, key, path=path)
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


@pytest.mark.parametrize("client", ALONE, ids=str)
def test_an_access_token_of_every_contract_is_active(caller, alice, key, client):
    access, _ = client.tokens(caller)
    for hint in ("", "access_token", "refresh_token", "saml2", "ünknown"):
        body = ask(caller, access, key, hint).json()
        assert (body["active"], body["contract"]) == (True, client.name)
        assert body["token_type"] == "Bearer"


@pytest.mark.parametrize("hint", ["x" * 5000, "жетон", "\0", "", None, 5, ["refresh_token"], {}])
def test_a_hint_that_is_not_known_is_ignored(caller, token, key, hint):
    """RFC 7009, 2.1; also a long one, and one that is no text."""
    answer = caller.json("/oauth2/introspect", {"token": token, "token_type_hint": hint}, key)
    assert (answer.status_code, answer.json()["active"]) == (200, True)


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_refresh_token_is_active_to_a_service_that_says_it_is_one(caller, alice, key, client):
    """Resource servers look at ``active`` alone, and must not take it for an access token."""
    _, refresh = client.tokens(caller)
    body = ask(caller, refresh, key, "refresh_token").json()
    assert (body["active"], body["token_type"], body["sub"]) == (
        True,
        "refresh_token",
        str(alice.uuid),
    )
    assert body["exp"] - body["iat"] == client.session_lifetime.total_seconds()
    for hint in ("", "access_token", "saml2"):
        assert ask(caller, refresh, key, hint).json() == {"active": False}


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_refresh_token_is_not_after_its_session(caller, alice, key, client):
    _, refresh = client.tokens(caller)
    alice.sessions.revoke("logout")
    assert ask(caller, refresh, key, "refresh_token").json() == {"active": False}


def test_a_refresh_token_that_was_replaced_is_not(caller, alice, key):
    (form,) = (client for client in ALONE if client.name == "form")
    access, spent = form.tokens(caller)
    refreshed = caller.json(form.path("refresh"), {"token": spent}, access).json()
    answers = [
        ask(caller, each, key, "refresh_token").json()["active"]
        for each in (spent, refreshed["refresh_token"]["token"])
    ]
    assert answers == [False, True]


def test_a_refresh_token_that_was_blacklisted_is_not(caller, alice, key):
    """SimpleJWT's own tools blacklist tokens and know no sessions."""
    _, refresh = REFRESHING[0].tokens(caller)
    outstanding = OutstandingToken.objects.get()
    BlacklistedToken.objects.create(token=outstanding)
    assert ask(caller, refresh, key, "refresh_token").json() == {"active": False}


def test_a_token_of_a_session_that_ended_is_not(caller, token, key):
    caller.json("/api/auth/logout", token=token)
    assert ask(caller, token, key).json() == {"active": False}


@pytest.mark.parametrize(("cls", "hint"), [(AccessToken, ""), (RefreshToken, "refresh_token")])
def test_a_token_that_has_expired_is_not(caller, alice, key, cls, hint):
    """Genuine, and of a live session: only its own end has passed."""
    at = now()
    session = alice.sessions.create(
        contract="bearer", last_used_at=at, expires_at=at + timedelta(days=1), refresh_jti="a"
    )
    claims = {"sub": str(alice.uuid), "sid": str(session.pk), "contract": "bearer", "jti": "a"}
    old = cls.issue(at=at - timedelta(hours=2), expires=at - timedelta(seconds=1), **claims)
    good = cls.issue(at=at, expires=at + timedelta(hours=1), **claims)
    assert ask(caller, old, key, hint).json() == {"active": False}
    assert ask(caller, good, key, hint).json()["active"] is True


@pytest.mark.parametrize("hint", ["", "refresh_token"])
@pytest.mark.parametrize("wrong", ["nonsense", "a.b.c", "sk_live_x", "жетон", "x" * 60_000])
def test_a_text_that_is_no_token_is_not_active(caller, key, wrong, hint):
    answer = ask(caller, wrong, key, hint)
    assert (answer.status_code, answer.json()) == (200, {"active": False})


@pytest.mark.parametrize("hint", ["", "refresh_token", "id_token"])
def test_an_id_token_and_a_challenge_are_not(caller, alice, bob, key, hint):
    User.objects.filter(pk=bob.pk).update(must_change_password=True)
    alices, bobs = (
        caller.json("/c/challenge/v1/login", {"username": name, "password": PASSWORD}).json()
        for name in ("alice", "bob")
    )
    for token in (alices["id_token"], bobs["session"]):
        assert ask(caller, token, key, hint).json() == {"active": False}


def test_nobody_asks_without_a_key_of_that_scope(caller, bob, token):
    profile = APIKey.objects.issue(bob.pk)[1]
    assert [ask(caller, token, key).status_code for key in ("", profile, "sk_live_mistyped")] == [
        401,
        403,
        401,
    ]
    assert caller.form("/introspect", f"token={token}", token=token).status_code == 401
    assert ask(caller, token).json()["error"] == "invalid_client"


@pytest.mark.parametrize("hint", ["", "refresh_token"])
def test_asking_is_two_queries(caller, alice, token, key, django_assert_num_queries, hint):
    _, refresh = REFRESHING[0].tokens(caller)
    for asked in (token, refresh):
        with django_assert_num_queries(2 if hint or asked == token else 1):
            ask(caller, asked, key, hint)


def test_asking_for_nothing(caller, key):
    answer = caller.form("/introspect", "x=y", **{"X-API-Key": key})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
