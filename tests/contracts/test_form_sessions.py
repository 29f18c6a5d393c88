"""Refresh and logout of document 002, its examples in its own order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import include, path
from django.utils.timezone import now

from accounts.audit.reasons import Reason
from accounts.models import Session
from accounts.tokens import AccessToken
from authsvc.contracts import form
from tests.contracts.form_login import ALONE, YEAR, attributes, both, log_in, pair_of

pytestmark = pytest.mark.django_db


@both
def test_refresh(caller, tokens, mount):
    access, refresh = tokens
    answer = caller.json(
        f"{mount}/refresh", {"token": refresh, "expires_in": YEAR, "token_type": "bearer"}, access
    )
    body, cookie = answer.json(), answer.cookies["refresh_token"]
    left = body["refresh_token"]["expires_in"]
    assert (answer.status_code, body) == (200, pair_of(body, year=left))
    assert YEAR - 60 < left <= YEAR
    assert body["refresh_token"]["token"] not in (refresh, access)
    assert cookie.value == body["refresh_token"]["token"]
    assert attributes(cookie) == {
        "httponly": True,
        "samesite": "Lax",
        "path": mount,
        "max-age": left,
    }


def test_the_access_token_from_before_the_refresh_goes_on(caller, tokens):
    access, refresh = tokens
    successor = caller.json(f"{ALONE}/refresh", {"token": refresh}, access).json()["access_token"][
        "token"
    ]
    assert {caller.get(f"{ALONE}/me", token).status_code for token in (access, successor)} == {200}


def test_without_rotation_the_refresh_token_stays(caller, tokens, settings):
    policy = replace(form.contract.policy, rotates=False)
    steady = form.urls(replace(form.contract, policy=policy))
    settings.ROOT_URLCONF = type(
        "Routes", (), {"urlpatterns": [path("c/form/api/v1/auth/", include(steady))]}
    )
    answer = caller.json(f"{ALONE}/refresh", {"token": tokens[1]}, tokens[0])
    body = answer.json()
    assert body == pair_of(body, year=body["refresh_token"]["expires_in"])
    assert body["refresh_token"]["token"] == tokens[1] == answer.cookies["refresh_token"].value


def test_refresh_requires_authentication(caller, tokens):
    access, refresh = tokens
    answer = caller.json(f"{ALONE}/refresh", {"token": refresh})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Authentication required"})
    assert answer["WWW-Authenticate"] == "Bearer"
    assert caller.json(f"{ALONE}/refresh", {"token": refresh}, access).status_code == 200


@both
def test_swagger_refreshes_with_the_token_that_it_authorized_by(caller, tokens, mount):
    """/token opens a session of its own."""
    authorized = caller.form(
        f"{mount}/token", "username=john&password=correct+horse+battery"
    ).json()["access_token"]
    answer = caller.json(f"{mount}/refresh", {"token": tokens[1]}, authorized)
    assert (answer.status_code, answer.json()) == (200, pair_of(answer.json()))


@both
def test_refresh_with_another_access_token(caller, tokens, bob, mount):
    access, refresh = tokens
    theirs = log_in(caller, username="bob").json()["access_token"]["token"]
    ended = log_in(caller).json()["access_token"]["token"]
    Session.objects.filter(pk=AccessToken.read(ended).session_id).revoke(Reason.LOGOUT)
    for bearer in (theirs, ended, refresh, "made.up.token", ""):
        assert caller.json(f"{mount}/refresh", {"token": refresh}, bearer).status_code == 401
    assert caller.json(f"{mount}/refresh", {"token": refresh}, access).status_code == 200


@both
def test_a_refresh_token_in_use_goes_on_for_another_year(caller, tokens, mount):
    Session.objects.update(
        created_at=now() - timedelta(days=300), expires_at=now() + timedelta(days=65)
    )
    answer = caller.json(f"{mount}/refresh", {"token": tokens[1]}, tokens[0])
    assert answer.json() == pair_of(answer.json())
    assert answer.cookies["refresh_token"]["max-age"] == YEAR


def test_refresh_with_a_token_that_is_none(caller, tokens):
    answer = caller.json(f"{ALONE}/refresh", {"token": "made up"}, tokens[0])
    assert (answer.status_code, answer.json()) == (
        401,
        {"detail": "Invalid or expired refresh token"},
    )
    assert not answer.cookies


@both
def test_logout(caller, tokens, mount):
    access, refresh = tokens
    answer = caller.json(f"{mount}/logout", token=access)
    assert (answer.status_code, answer.json()) == (200, {"message": "Logged out successfully."})
    assert caller.get(f"{mount}/me", access).status_code == 401
    assert caller.json(f"{mount}/refresh", {"token": refresh}, access).status_code == 401


@both
@pytest.mark.parametrize("end", ["logout", "logout/"])
def test_logout_clears_the_cookie_that_login_set(caller, john, settings, mount, end):
    settings.SECURE_COOKIES = True
    login = log_in(caller, mount)
    cookie = caller.json(f"{mount}/{end}", token=login.json()["access_token"]["token"]).cookies[
        "refresh_token"
    ]
    assert (cookie.value, cookie["max-age"]) == ("", 0)
    assert attributes(cookie) == {
        "httponly": True,
        "samesite": "Lax",
        "path": mount,
        "secure": True,
    }


@both
def test_the_cookie_alone_authenticates_nothing(caller, tokens, mount):
    assert caller.http.cookies["refresh_token"].value == tokens[1]
    assert caller.json(f"{mount}/logout").status_code == 401
    assert caller.get(f"{mount}/me").status_code == 401
    assert caller.json(f"{mount}/refresh", {"token": tokens[1]}).status_code == 401
    assert caller.get(f"{mount}/me", tokens[0]).status_code == 200


def test_logout_ends_the_session_of_the_cookie_too(caller, john):
    first = log_in(caller).json()["access_token"]["token"]
    second = log_in(caller).json()["access_token"]["token"]
    caller.json(f"{ALONE}/logout", token=first)
    assert [caller.get(f"{ALONE}/me", token).status_code for token in (first, second)] == [401, 401]


def test_the_cookie_of_somebody_else_ends_nothing_of_theirs(caller, tokens, bob):
    theirs = log_in(caller, username="bob").json()["access_token"]["token"]
    caller.json(f"{ALONE}/logout", token=tokens[0])
    assert caller.get(f"{ALONE}/me", tokens[0]).status_code == 401
    assert caller.get(f"{ALONE}/me", theirs).status_code == 200
