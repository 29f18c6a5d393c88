"""Document 000, its examples in its own order."""

import pytest

from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LOGIN, REFRESH = "/c/bearer/api/v1/auth/login", "/c/bearer/api/v1/auth/refresh"


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


def test_login_with_a_wrong_password(caller, alice):
    answer = caller.json(LOGIN, {"username": "alice", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid credentials"})


def test_too_many_logins(caller, alice):
    for _ in range(10):
        caller.json(LOGIN, {"username": "alice", "password": "wrong"})
    answer = caller.json(LOGIN, {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (429, {"detail": "Too many login attempts. Please try again later."})
    assert 1 <= int(answer["Retry-After"]) <= 300


def test_refresh(caller, pair):
    answer = caller.json(REFRESH, {"refresh_token": pair["refresh_token"]})
    body = answer.json()
    assert (answer.status_code, body) == (200, {"access_token": body["access_token"], "token_type": "bearer", "expires_in": 3600})
    assert caller.get("/api/v1/auth/me", body["access_token"]).status_code == 200


def test_refresh_with_another_token(caller, pair):
    answer = caller.json(REFRESH, {"refresh_token": pair["access_token"]})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid refresh token"})
