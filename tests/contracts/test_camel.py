"""Document 001, its examples in its own order."""

from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.contracts.client import ContractClient, Operation

pytestmark = pytest.mark.django_db
LOGIN, REFRESH, LOGOUT = (f"/c/camel/api/v1/auth/{path}" for path in ("login", "refresh", "logout"))


class CamelClient(ContractClient):
    name, mount = "camel", "/api/v1/auth"
    session_lifetime = timedelta(days=30)
    accepts_refresh_from = frozenset({"bearer"})
    logins = (Operation("login", {"username": "alice", "password": PASSWORD}),)
    refreshes = (Operation("refresh", {"refreshToken": "x.y.z"}),)
    logouts = (Operation("logout"),)

    def tokens_in(self, body):
        return body["token"], body["refreshToken"]

    def refresh_fields(self, refresh):
        return {"refreshToken": refresh}

    def error(self, status, text):
        return {"error": text}


client = CamelClient()


@pytest.fixture
def jane(alice):
    type(alice).objects.filter(pk=alice.pk).update(
        username="jane.doe", email="jane.doe@example.com"
    )
    alice.refresh_from_db()
    return alice


@pytest.fixture
def pair(caller, jane):
    return caller.json(LOGIN, {"username": "jane.doe", "password": PASSWORD}).json()


def me(caller, token):
    return caller.get("/api/v1/auth/me", token).status_code


def test_login(caller, jane):
    answer = caller.json(LOGIN, {"username": "jane.doe", "password": PASSWORD})
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "token": body["token"],
        "refreshToken": body["refreshToken"],
        "expires_in": 3600,
        "user": {"id": str(jane.uuid), "username": "jane.doe", "email": "jane.doe@example.com"},
    }
    assert me(caller, body["token"]) == 200


def test_login_at_the_shared_path_says_each_token_under_both_names(caller, jane):
    body = caller.json("/api/v1/auth/login", {"username": "jane.doe", "password": PASSWORD}).json()
    assert body["token"] == body["access_token"]
    assert body["refreshToken"] == body["refresh_token"]
    assert body["expires_in"] == 3600
    assert {
        "id": str(jane.uuid),
        "username": "jane.doe",
        "email": "jane.doe@example.com",
    }.items() <= body["user"].items()


def test_login_with_a_wrong_password(caller, jane):
    answer = caller.json(LOGIN, {"username": "jane.doe", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid credentials"})


def test_login_of_an_unknown_user_is_told_no_more(caller, jane):
    answer = caller.json(LOGIN, {"username": "nobody", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid credentials"})


def test_login_with_a_password_that_must_be_changed(caller, jane):
    type(jane).objects.filter(pk=jane.pk).update(must_change_password=True)
    answer = caller.json(LOGIN, {"username": "jane.doe", "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (403, {"error": "Password change required"})


def test_refresh(caller, pair):
    answer = caller.json(REFRESH, {"refreshToken": pair["refreshToken"]})
    body = answer.json()
    assert (answer.status_code, body) == (200, {"token": body["token"], "expires_in": 3600})
    assert me(caller, body["token"]) == 200


def test_refresh_twice_with_the_token_that_one_has(caller, pair):
    assert caller.json(REFRESH, {"refreshToken": pair["refreshToken"]}).status_code == 200
    assert caller.json(REFRESH, {"refreshToken": pair["refreshToken"]}).status_code == 200


@pytest.mark.parametrize("token", ["made up", "", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30."])
def test_refresh_with_a_token_that_is_none(caller, pair, token):
    answer = caller.json(REFRESH, {"refreshToken": token})
    expected = (
        (401, "Invalid or expired refresh token")
        if token
        else (400, "refreshToken: This field may not be blank.")
    )
    assert (answer.status_code, answer.json()) == (expected[0], {"error": expected[1]})


def test_refresh_at_the_shared_path(caller, pair):
    body = caller.json("/api/v1/auth/refresh", {"refreshToken": pair["refreshToken"]}).json()
    assert body == {"token": body["token"], "expires_in": 3600}
    answer = caller.json("/api/v1/auth/refresh", {"refreshToken": "made up"})
    text = "Invalid or expired refresh token"
    assert (answer.status_code, answer.json()) == (401, {"detail": text, "error": text})


@pytest.mark.parametrize("path", [LOGOUT, "/api/v1/auth/logout"])
def test_logout(caller, pair, path):
    answer = caller.json(path, token=pair["token"])
    assert (answer.status_code, answer.json()) == (200, {"message": "Successfully logged out"})
    assert me(caller, pair["token"]) == 401
    assert caller.json(REFRESH, {"refreshToken": pair["refreshToken"]}).status_code == 401


def test_logout_leaves_the_other_sessions(caller, pair):
    other = caller.json(LOGIN, {"username": "jane.doe", "password": PASSWORD}).json()
    caller.json(LOGOUT, token=pair["token"])
    assert me(caller, other["token"]) == 200


def test_logout_without_a_token(caller):
    answer = caller.json(LOGOUT)
    assert (answer.status_code, answer.json()) == (401, {"error": "Authentication required"})
    assert answer["WWW-Authenticate"] == "Bearer"


def test_logout_twice(caller, pair):
    caller.json(LOGOUT, token=pair["token"])
    answer = caller.json(LOGOUT, token=pair["token"])
    assert (answer.status_code, answer.json()) == (401, {"error": "Authentication required"})


def test_logout_at_the_shared_path_without_a_token(caller):
    answer = caller.json("/api/v1/auth/logout")
    text = "Authentication required"
    assert (answer.status_code, answer.json()) == (401, {"detail": text, "error": text})
