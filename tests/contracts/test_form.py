"""Document 002, its examples in its own order."""

from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.contracts.answers import is_sentence
from tests.contracts.client import ContractClient, Forgot, Operation
from tests.contracts.form_login import ALONE, SHARED, WEEK, YEAR, attributes, both, log_in, pair_of

pytestmark = pytest.mark.django_db


# RFC 6749, 5.2 and 4.1.2.1
OAUTH_CODES = {
    "invalid_request",
    "invalid_grant",
    "unsupported_grant_type",
    "temporarily_unavailable",
    "server_error",
}


def is_oauth_error(body, status):
    """Return whether a body is an error of RFC 6749, with a sentence."""
    return (
        body.keys() == {"error", "error_description"}
        and body["error"] in OAUTH_CODES
        and is_sentence(body["error_description"])
    )


class FormClient(ContractClient):
    name, mount = "form", "/api/v1/auth"
    session_lifetime = timedelta(days=365)
    logins = (
        Operation("login", {"username": "alice", "password": PASSWORD}, form=True, json=False),
        Operation(
            "token",
            {"username": "alice", "password": PASSWORD},
            form=True,
            json=False,
            is_error=is_oauth_error,
        ),
    )
    refreshes = (Operation("refresh", {"token": "x.y.z"}),)
    logouts = (Operation("logout"),)
    gets = (Operation("me"),)
    forgot = Forgot("password-recovery")
    login_cookies = frozenset({"refresh_token"})

    def tokens_in(self, body):
        return body["access_token"]["token"], body["refresh_token"]["token"]

    def refresh_fields(self, refresh):
        return {"token": refresh}

    def refresh(self, caller, access, refresh, *, end="refresh"):
        """Send the access token, too: the document says "requires authentication"."""
        return caller.json(self.path(end), self.refresh_fields(refresh), access)

    def error(self, status, text):
        return {"detail": text}


client = FormClient()


@both
def test_login(caller, john, mount):
    answer = log_in(caller, mount)
    assert answer.status_code == 200
    assert answer.json() == pair_of(answer.json())
    assert caller.get(f"{mount}/me", answer.json()["access_token"]["token"]).status_code == 200


@both
def test_login_leaves_the_refresh_token_in_a_cookie(caller, john, mount):
    answer = log_in(caller, mount)
    cookie = answer.cookies["refresh_token"]
    assert list(answer.cookies) == ["refresh_token"]
    assert cookie.value == answer.json()["refresh_token"]["token"]
    assert attributes(cookie) == {
        "httponly": True,
        "samesite": "Lax",
        "path": mount,
        "max-age": YEAR,
    }


def test_the_cookie_is_secure_where_the_service_is(caller, john, settings):
    settings.SECURE_COOKIES = True
    cookie = log_in(caller).cookies["refresh_token"]
    assert attributes(cookie) == {
        "httponly": True,
        "samesite": "Lax",
        "path": ALONE,
        "max-age": YEAR,
        "secure": True,
    }


@both
def test_login_by_multipart_form(caller, john, mount):
    answer = caller.multipart(f"{mount}/login", username="john", password=PASSWORD)
    assert (answer.status_code, answer.json()) == (200, pair_of(answer.json()))


@both
def test_login_by_address(caller, john, mount):
    answer = log_in(caller, mount, username="john%40example.com")
    assert (answer.status_code, answer.json()) == (200, pair_of(answer.json()))


def test_login_with_a_wrong_password(caller, john):
    answer = caller.form(f"{ALONE}/login", "username=john&password=wrong")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid credentials"})
    assert not answer.cookies


def test_login_with_a_password_that_must_be_changed(caller, john):
    type(john).objects.filter(pk=john.pk).update(must_change_password=True)
    answer = log_in(caller)
    assert (answer.status_code, answer.json()) == (403, {"detail": "Password change required"})
    assert not answer.cookies


@both
@pytest.mark.parametrize(
    "grant", ["", "&grant_type=password", "&grant_type=", "&scope=&client_id=&client_secret="]
)
def test_token(caller, john, mount, grant):
    answer = caller.form(f"{mount}/token", f"username=john&password=correct+horse+battery{grant}")
    body = answer.json()
    assert (answer.status_code, body) == (
        200,
        {"access_token": body["access_token"], "expires_in": WEEK, "token_type": "bearer"},
    )
    assert caller.get(f"{mount}/me", body["access_token"]).status_code == 200
    assert not answer.cookies


@both
@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("username=john&password=wrong", 400, "invalid_grant"),
        ("username=nobody&password=wrong", 400, "invalid_grant"),
        ("username=john", 400, "invalid_request"),
        ("password=wrong", 400, "invalid_request"),
        ("grant_type=client_credentials", 400, "unsupported_grant_type"),
        (
            "grant_type=client_credentials&username=john&password=correct+horse+battery",
            400,
            "unsupported_grant_type",
        ),
        ("username=john&username=bob&password=wrong", 400, "invalid_request"),
    ],
)
def test_token_is_refused_as_oauth_says(caller, john, mount, body, status, error):
    answer = caller.form(f"{mount}/token", body)
    assert (answer.status_code, answer.json()) == (
        status,
        {"error": error, "error_description": answer.json()["error_description"]},
    )
    assert answer["Cache-Control"] == "no-store"


def test_token_with_a_password_that_must_be_changed(caller, john):
    type(john).objects.filter(pk=john.pk).update(must_change_password=True)
    answer = caller.form(f"{ALONE}/token", "username=john&password=correct+horse+battery")
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "invalid_grant", "error_description": "Password change required"},
    )


def test_me(caller, john, tokens):
    answer = caller.get(f"{ALONE}/me", tokens[0])
    assert answer.status_code == 200
    assert answer.json() == {
        "id": john.pk,
        "username": "john",
        "email": "john@example.com",
        "name": "John Doe",
        "is_superuser": False,
        "is_active": True,
    }


def test_me_at_the_shared_path_adds_the_uuid(caller, john, tokens):
    alone, shared = (caller.get(f"{mount}/me", tokens[0]).json() for mount in (ALONE, SHARED))
    assert shared == alone | {"uuid": str(john.uuid)}


def test_me_of_a_superuser(caller, olga):
    token = log_in(caller, username="olga").json()["access_token"]["token"]
    assert caller.get(f"{ALONE}/me", token).json()["is_superuser"] is True


def test_me_without_a_token(caller):
    answer = caller.get(f"{ALONE}/me")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Authentication required"})
    answer = caller.get(f"{ALONE}/me", "made.up.token")
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid or expired token"})
