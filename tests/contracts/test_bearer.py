"""Document 000, its examples in its own order."""

from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.contracts.client import ContractClient, Forgot, Operation

pytestmark = pytest.mark.django_db
LOGIN, REFRESH = "/c/bearer/api/v1/auth/login", "/c/bearer/api/v1/auth/refresh"


class BearerClient(ContractClient):
    name, mount = "bearer", "/api/v1/auth"
    session_lifetime = timedelta(days=30)
    accepts_refresh_from = frozenset({"camel"})
    logins = (Operation("login", {"username": "alice", "password": PASSWORD}),)
    refreshes = (Operation("refresh", {"refresh_token": "x.y.z"}),)
    logouts = (Operation("logout"),)
    forgot = Forgot("forgot-password", "email")

    def tokens_in(self, body):
        return body["access_token"], body["refresh_token"]

    def refresh_fields(self, refresh):
        return {"refresh_token": refresh}

    def error(self, status, text):
        return {"detail": text}


client = BearerClient()


@pytest.fixture
def pair(caller, alice):
    return caller.json(LOGIN, {"username": "alice", "password": PASSWORD}).json()


def test_login(caller, alice):
    answer = caller.json(LOGIN, {"username": "alice", "password": PASSWORD})
    alice.refresh_from_db()
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
        "token_type": "bearer",
        "expires_in": 3600,
        "user": {
            "id": str(alice.uuid),
            "username": "alice",
            "email": "alice@example.com",
            "is_admin": False,
            "created_at": alice.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "last_login": alice.last_login.strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def test_login_at_the_shared_path_says_no_less(caller, alice):
    alone = caller.json(LOGIN, {"username": "alice", "password": PASSWORD}).json()
    shared = caller.json("/api/v1/auth/login", {"username": "alice", "password": PASSWORD}).json()
    assert alone.keys() < shared.keys()
    assert alone["user"].keys() <= shared["user"].keys()
    assert (shared["token_type"], shared["expires_in"]) == ("bearer", 3600)


def test_login_of_an_operator(caller, olga):
    body = caller.json(LOGIN, {"username": "olga", "password": PASSWORD}).json()
    assert body["user"]["is_admin"] is True


def test_login_of_somebody_without_an_address(caller, alice):
    type(alice).objects.filter(pk=alice.pk).update(email=None)
    body = caller.json(LOGIN, {"username": "alice", "password": PASSWORD}).json()
    assert body["user"]["email"] == ""


def test_login_with_a_wrong_password(caller, alice):
    answer = caller.json(LOGIN, {"username": "alice", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid credentials"})


def test_too_many_logins(caller, alice):
    for _ in range(10):
        caller.json(LOGIN, {"username": "alice", "password": "wrong"})
    answer = caller.json(LOGIN, {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (
        429,
        {"detail": "Too many login attempts. Please try again later."},
    )
    assert 1 <= int(answer["Retry-After"]) <= 300


def test_login_without_a_password(caller, alice):
    answer = caller.json(LOGIN, {"username": "alice"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": "password: This field is required."},
    )


def test_login_with_a_password_that_must_be_changed(caller, alice):
    type(alice).objects.filter(pk=alice.pk).update(must_change_password=True)
    answer = caller.json(LOGIN, {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Password change required"})
    assert not alice.sessions.exists()


def test_refresh(caller, pair):
    answer = caller.json(REFRESH, {"refresh_token": pair["refresh_token"]})
    body = answer.json()
    assert (answer.status_code, body) == (
        200,
        {"access_token": body["access_token"], "token_type": "bearer", "expires_in": 3600},
    )
    assert caller.get("/api/v1/auth/me", body["access_token"]).status_code == 200


def test_refresh_as_often_as_one_likes(caller, pair):
    answers = [caller.json(REFRESH, {"refresh_token": pair["refresh_token"]}) for _ in range(5)]
    tokens = {answer.json()["access_token"] for answer in answers}
    assert len(tokens) == 5
    assert {
        caller.get("/api/v1/auth/me", token).status_code
        for token in tokens | {pair["access_token"]}
    } == {200}


def test_refresh_with_another_token(caller, pair):
    answer = caller.json(REFRESH, {"refresh_token": pair["access_token"]})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid refresh token"})


def test_refresh_at_the_shared_path(caller, pair):
    body = caller.json("/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]}).json()
    assert body == {
        "access_token": body["access_token"],
        "token_type": "bearer",
        "expires_in": 3600,
    }
    answer = caller.json("/api/v1/auth/refresh", {"refresh_token": "made up"})
    assert (answer.status_code, answer.json()) == (
        401,
        {"detail": "Invalid refresh token", "error": "Invalid refresh token"},
    )


def test_logout(caller, pair):
    answer = caller.json("/c/bearer/api/v1/auth/logout", token=pair["access_token"])
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully logged out"})
    assert caller.get("/api/v1/auth/me", pair["access_token"]).status_code == 401
    assert caller.json(REFRESH, {"refresh_token": pair["refresh_token"]}).status_code == 401


def test_the_documented_header_opens_what_is_protected(caller, pair):
    answer = caller.get("/api/auth/validate", Authorization=f"Bearer {pair['access_token']}")
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "alice"
