"""Document 003, its examples in its own order."""

from datetime import timedelta

import jwt
import pytest

from accounts.models import Session
from tests.conftest import PASSWORD
from tests.contracts.client import ContractClient, Forgot, Operation

pytestmark = pytest.mark.django_db
ALONE, PLAIN = "/c/challenge/v1", "/v1"
both = pytest.mark.parametrize("mount", [ALONE, PLAIN])
DAY = 86_400
REFUSED = {"message": "Incorrect username or password.", "status": 401}
NO_REFRESH = {"message": "Invalid or expired refresh token.", "status": 401}


class ChallengeClient(ContractClient):
    name, mount = "challenge", "/v1"
    session_lifetime = timedelta(days=90)
    logins = (Operation("login", {"username": "alice", "password": PASSWORD}, form=True),)
    refreshes = (
        Operation("token-refresh", {"username": "alice", "refresh_token": "x.y.z"}, form=True),
        Operation("token-revoke", {"refresh_token": "x.y.z"}, form=True),
    )
    forgot = Forgot("forgot-password", "username")
    invalid_status = 422
    issues_challenges = True

    def tokens_in(self, body):
        return body["access_token"], body["refresh_token"]

    def refresh_fields(self, refresh):
        return {"username": "alice", "refresh_token": refresh}

    def error(self, status, text):
        return {"message": text, "status": status}


client = ChallengeClient()


def log_in(caller, username="alice", mount=ALONE):
    return caller.json(f"{mount}/login", {"username": username, "password": PASSWORD}).json()


def me(caller, token):
    return caller.get("/api/v1/auth/me", token).status_code


@both
def test_login(caller, alice, mount):
    answer = caller.json(f"{mount}/login", {"username": "alice", "password": PASSWORD})
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "id_token": body["id_token"],
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
        "expires_in": DAY,
    }
    assert len(set(body.values())) == 4
    assert me(caller, body["access_token"]) == 200


def test_the_id_token_says_who_signed_in_and_opens_nothing(caller, alice):
    token = log_in(caller)["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["preferred_username"], claims["email"]) == (
        str(alice.uuid),
        "alice",
        "alice@example.com",
    )
    assert claims["exp"] - claims["iat"] == DAY
    assert me(caller, token) == 401


@both
def test_login_with_form_data(caller, alice, mount):
    urlencoded = caller.form(f"{mount}/login", "username=alice&password=correct+horse+battery")
    multipart = caller.multipart(f"{mount}/login", username="alice", password=PASSWORD)
    assert (urlencoded.status_code, multipart.status_code) == (200, 200)
    assert urlencoded.json().keys() == multipart.json().keys() == log_in(caller).keys()


def test_login_with_a_password_that_must_be_changed(caller, alice):
    type(alice).objects.filter(pk=alice.pk).update(must_change_password=True)
    answer = caller.json(f"{ALONE}/login", {"username": "alice", "password": PASSWORD})
    body = answer.json()
    assert (answer.status_code, body) == (
        200,
        {"challenge_name": "NEW_PASSWORD_REQUIRED", "session": body["session"]},
    )
    assert me(caller, body["session"]) == 401
    refreshed = caller.json(
        f"{ALONE}/token-refresh", {"username": "alice", "refresh_token": body["session"]}
    )
    assert (refreshed.status_code, refreshed.json()) == (401, NO_REFRESH)
    assert not alice.sessions.exists()


def test_a_wrong_password_gets_no_challenge(caller, alice):
    type(alice).objects.filter(pk=alice.pk).update(must_change_password=True)
    answer = caller.json(f"{ALONE}/login", {"username": "alice", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, REFUSED)


@both
def test_login_with_a_wrong_password(caller, alice, mount):
    answer = caller.json(f"{mount}/login", {"username": "alice", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (401, REFUSED)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"username": "alice"}, "password: This field is required."),
        ({"username": ["alice"], "password": PASSWORD}, "username: Not a valid string."),
        ({"username": "alice", "password": None}, "password: This field may not be null."),
    ],
)
def test_login_with_malformed_fields(caller, alice, body, text):
    answer = caller.json(f"{ALONE}/login", body)
    assert (answer.status_code, answer.json()) == (422, {"message": text, "status": 422})


def test_too_many_logins(caller, alice):
    for _ in range(10):
        caller.json(f"{ALONE}/login", {"username": "alice", "password": "wrong"})
    answer = caller.json(f"{ALONE}/login", {"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (
        429,
        {"message": "Too many attempts. Please try again later.", "status": 429},
    )
    assert 1 <= int(answer["Retry-After"]) <= 300


@both
def test_refresh(caller, alice, mount):
    token = log_in(caller)["refresh_token"]
    answer = caller.json(f"{mount}/token-refresh", {"username": "alice", "refresh_token": token})
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "id_token": body["id_token"],
        "access_token": body["access_token"],
        "expires_in": DAY,
    }
    assert me(caller, body["access_token"]) == 200


def test_refresh_with_the_address_as_the_name(caller, alice):
    token = log_in(caller)["refresh_token"]
    answer = caller.json(
        f"{ALONE}/token-refresh", {"username": "Alice@Example.com", "refresh_token": token}
    )
    assert answer.status_code == 200


def test_refresh_with_the_name_of_somebody_else(caller, alice, bob):
    pair = log_in(caller)
    answer = caller.json(
        f"{ALONE}/token-refresh", {"username": "bob", "refresh_token": pair["refresh_token"]}
    )
    assert (answer.status_code, answer.json()) == (401, NO_REFRESH)
    assert me(caller, pair["access_token"]) == 200


def test_refresh_with_a_token_that_is_none(caller, alice):
    answer = caller.json(
        f"{ALONE}/token-refresh", {"username": "alice", "refresh_token": "made up"}
    )
    assert (answer.status_code, answer.json()) == (401, NO_REFRESH)


def test_refresh_without_the_name(caller, alice):
    answer = caller.json(
        f"{ALONE}/token-refresh", {"refresh_token": log_in(caller)["refresh_token"]}
    )
    assert (answer.status_code, answer.json()) == (
        422,
        {"message": "username: This field is required.", "status": 422},
    )


def test_too_many_refreshes_of_one_token(caller, alice, settings):
    settings.CHALLENGE_REFRESH_RATE = "3/24h"
    worn, other = log_in(caller)["refresh_token"], log_in(caller)["refresh_token"]
    asked = [{"username": "alice", "refresh_token": token} for token in (worn, other)]
    assert [caller.json(f"{ALONE}/token-refresh", asked[0]).status_code for _ in range(4)] == [
        200,
        200,
        200,
        429,
    ]
    answer = caller.json(f"{PLAIN}/token-refresh", asked[0])
    assert answer.json() == {"message": "Too many attempts. Please try again later.", "status": 429}
    assert 1 <= int(answer["Retry-After"]) <= DAY
    assert caller.json(f"{ALONE}/token-refresh", asked[1]).status_code == 200


def test_the_same_token_in_other_letters_has_the_same_budget(caller, alice, settings):
    """The last letter of a base64 text has bits that say nothing: sixteen spellings, one token."""
    settings.CHALLENGE_REFRESH_RATE = "1/24h"
    token = log_in(caller)["refresh_token"]
    spellings = [
        token,
        *(
            token[:-1] + letter
            for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        ),
    ]
    asked = ({"username": "alice", "refresh_token": spelling} for spelling in spellings)
    assert [caller.json(f"{ALONE}/token-refresh", body).status_code for body in asked].count(
        200
    ) == 1


@both
def test_revoke(caller, alice, mount):
    pair = log_in(caller)
    refreshed = caller.json(
        f"{ALONE}/token-refresh", {"username": "alice", "refresh_token": pair["refresh_token"]}
    ).json()
    other = log_in(caller)
    answer = caller.json(f"{mount}/token-revoke", {"refresh_token": pair["refresh_token"]})
    assert (answer.status_code, answer.json()) == (
        200,
        {"message": "Token revoked.", "status": 200},
    )
    assert [me(caller, body["access_token"]) for body in (pair, refreshed, other)] == [
        401,
        401,
        200,
    ]
    again = caller.json(
        f"{mount}/token-refresh", {"username": "alice", "refresh_token": pair["refresh_token"]}
    )
    assert (again.status_code, again.json()) == (401, NO_REFRESH)


def test_revoke_twice(caller, alice):
    token = log_in(caller)["refresh_token"]
    answers = [caller.json(f"{ALONE}/token-revoke", {"refresh_token": token}) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, {"message": "Token revoked.", "status": 200})
    ] * 2


@pytest.mark.parametrize("kind", ["access_token", "id_token", "made up"])
def test_revoke_a_text_that_is_no_refresh_token(caller, alice, kind):
    pair = log_in(caller)
    answer = caller.json(f"{ALONE}/token-revoke", {"refresh_token": pair.get(kind, kind)})
    assert (answer.status_code, answer.json()) == (401, NO_REFRESH)
    assert Session.objects.live().count() == 1


def test_revoke_without_a_token(caller):
    answer = caller.json(f"{ALONE}/token-revoke", {})
    assert (answer.status_code, answer.json()) == (
        422,
        {"message": "refresh_token: This field is required.", "status": 422},
    )


def test_revoke_says_nothing_where_the_operator_wants_it_so(caller, alice, settings):
    settings.CHALLENGE_EMPTY_SUCCESS = True
    pair = log_in(caller)
    answer = caller.json(f"{ALONE}/token-revoke", {"refresh_token": pair["refresh_token"]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert me(caller, pair["access_token"]) == 401
