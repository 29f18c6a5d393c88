"""Document 002, its examples in its own order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import include, path
from django.utils.timezone import now

from accounts.audit.reasons import Reason
from accounts.models import Session
from accounts.tokens import AccessToken
from authsvc.contracts import form
from tests.conftest import PASSWORD
from tests.contracts.answers import is_sentence
from tests.contracts.client import ContractClient, Forgot, Operation

pytestmark = pytest.mark.django_db
ALONE, SHARED = "/c/form/api/v1/auth", "/api/v1/auth"
both = pytest.mark.parametrize("mount", [ALONE, SHARED])
WEEK, YEAR = 604_800, 31_536_000


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


def log_in(caller, mount=ALONE, username="john"):
    return caller.form(
        f"{mount}/login", f"username={username}&password={PASSWORD.replace(' ', '+')}"
    )


def pair_of(body, week=WEEK, year=YEAR):
    """Return the documented body, with the tokens of ``body``."""
    return {
        "username": "john",
        "access_token": {
            "token": body["access_token"]["token"],
            "expires_in": week,
            "token_type": "bearer",
        },
        "refresh_token": {
            "token": body["refresh_token"]["token"],
            "expires_in": year,
            "token_type": "bearer",
        },
    }


def attributes(cookie):
    return {name: value for name, value in cookie.items() if value and name != "expires"}


@pytest.fixture
def john(alice):
    type(alice).objects.filter(pk=alice.pk).update(
        username="john", email="john@example.com", name="John Doe"
    )
    alice.refresh_from_db()
    return alice


@pytest.fixture
def tokens(caller, john):
    """Return John's access and refresh token; the cookie stays with the caller."""
    body = log_in(caller).json()
    return body["access_token"]["token"], body["refresh_token"]["token"]


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


def test_where_the_operator_lets_nothing_rotate_the_refresh_token_stays(caller, tokens, settings):
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
def test_refresh_with_what_does_not_speak_for_john(caller, tokens, bob, mount):
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
