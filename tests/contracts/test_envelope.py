"""Document 004, its examples in its own order."""

from datetime import timedelta

import pytest

from tests.conftest import PASSWORD
from tests.contracts.client import ContractClient, Operation

pytestmark = pytest.mark.django_db
ALONE, PLAIN = "/c/envelope/api/auth", "/api/auth"
both = pytest.mark.parametrize("mount", [ALONE, PLAIN])


class EnvelopeClient(ContractClient):
    name, mount = "envelope", "/api/auth"
    session_lifetime = timedelta(days=1)
    logins = (Operation("login", {"username": "alice", "password": PASSWORD}),)
    logouts = (Operation("logout", open=True),)
    gets = (Operation("validate"),)

    def tokens_in(self, body):
        return body["token"], ""

    def error(self, status, text):
        return {"success": False, "message": text}


client = EnvelopeClient()


@pytest.fixture
def john(alice):
    documented = {
        "name": "John Doe",
        "organization": "Acme Corp",
        "aws_region": "eu-north-1",
        "is_staff": True,
    }
    type(alice).objects.filter(pk=alice.pk).update(
        username="john", email="john@example.com", **documented
    )
    return alice


def log_in(caller, username="john"):
    return caller.json(f"{ALONE}/login", {"username": username, "password": PASSWORD}).json()


def written(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def described(john):
    john.refresh_from_db()
    return {
        "id": str(john.uuid),
        "username": "john",
        "email": "john@example.com",
        "name": "John Doe",
        "organization": "Acme Corp",
        "aws_region": "eu-north-1",
        "role": "admin",
        "is_active": True,
        "created_at": written(john.created_at),
        "updated_at": written(john.updated_at),
        "last_login": written(john.last_login),
    }


@both
@pytest.mark.parametrize("identifier", ["john@example.com", "john"])
def test_login(caller, john, mount, identifier):
    answer = caller.json(f"{mount}/login", {"username": identifier, "password": PASSWORD})
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "success": True,
        "message": "Login successful",
        "token": body["token"],
        "user": described(john),
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "john"},
        {"password": PASSWORD},
        {"username": "", "password": ""},
        {"username": None, "password": PASSWORD},
    ],
)
def test_login_without_name_or_password(caller, john, body):
    answer = caller.json(f"{ALONE}/login", body)
    assert (answer.status_code, answer.json()) == (
        400,
        {"success": False, "message": "Username and password are required"},
    )


@both
def test_login_with_a_wrong_password(caller, john, mount):
    answer = caller.json(f"{mount}/login", {"username": "john", "password": "wrong"})
    assert (answer.status_code, answer.json()) == (
        401,
        {"success": False, "message": "Invalid username or password"},
    )


def test_login_with_a_password_that_must_be_changed(caller, john):
    type(john).objects.filter(pk=john.pk).update(must_change_password=True)
    answer = caller.json(f"{ALONE}/login", {"username": "john", "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (
        403,
        {"success": False, "message": "Password change required"},
    )


def test_too_many_logins(caller, john):
    for _ in range(10):
        caller.json(f"{ALONE}/login", {"username": "john", "password": "wrong"})
    answer = caller.json(f"{ALONE}/login", {"username": "john", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer.json() == {
        "success": False,
        "message": "Too many login attempts. Please try again later.",
    }
    assert 1 <= int(answer["Retry-After"]) <= 300


@both
def test_validate(caller, john, mount):
    token = log_in(caller)["token"]
    answer = caller.get(f"{mount}/validate", token)
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": True, "message": "Token is valid", "user": described(john)},
    )
    headers = {name: answer[name] for name in ("X-Auth-User", "X-Auth-Role", "X-Auth-Scopes")}
    assert headers == {"X-Auth-User": "john", "X-Auth-Role": "admin", "X-Auth-Scopes": "session"}


@pytest.mark.parametrize(
    ("staff", "superuser", "role"),
    [
        (False, False, "user"),
        (True, False, "admin"),
        (True, True, "super_admin"),
        (False, True, "super_admin"),
    ],
)
def test_the_role_is_the_accounts_now(caller, john, staff, superuser, role):
    token = log_in(caller)["token"]
    type(john).objects.filter(pk=john.pk).update(is_staff=staff, is_superuser=superuser)
    answer = caller.get(f"{ALONE}/validate", token)
    assert (answer.json()["user"]["role"], answer["X-Auth-Role"]) == (role, role)


def test_a_name_that_no_header_can_hold_is_escaped_there(caller, john):
    type(john).objects.filter(pk=john.pk).update(username="jöhn")
    answer = caller.get(f"{ALONE}/validate", log_in(caller, "jöhn")["token"])
    assert (answer.json()["user"]["username"], answer["X-Auth-User"]) == ("jöhn", "j%C3%B6hn")


@both
def test_validate_without_a_token(caller, mount):
    answer = caller.get(f"{mount}/validate")
    assert (answer.status_code, answer.json()) == (
        401,
        {"success": False, "message": "No token provided"},
    )
    assert not answer.has_header("X-Auth-User")


@pytest.mark.parametrize("token", ["made up", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30."])
def test_validate_a_token_that_is_none(caller, token):
    answer = caller.get(f"{ALONE}/validate", token)
    assert (answer.status_code, answer.json()) == (
        401,
        {"success": False, "message": "Invalid or expired token"},
    )


@both
def test_logout(caller, john, mount):
    token = log_in(caller)["token"]
    answer = caller.json(f"{mount}/logout", token=token)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "Logged out"})
    answer = caller.get(f"{mount}/validate", token)
    assert (answer.status_code, answer.json()) == (
        401,
        {"success": False, "message": "Invalid or expired token"},
    )


@pytest.mark.parametrize("token", ["", "made up"])
def test_logout_without_a_session(caller, token):
    answer = caller.json(f"{ALONE}/logout", token=token)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "Logged out"})


def test_logout_without_a_body(caller, john):
    answer = caller.http.post(
        f"{ALONE}/logout", headers={"Authorization": f"Bearer {log_in(caller)['token']}"}
    )
    assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "Logged out"})


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "bearer", "Basic YTpi", ""])
def test_nothing_behind_bearer_is_no_token(caller, db, header):
    validated, me = (
        caller.get(path, Authorization=header) for path in (f"{ALONE}/validate", "/api/v1/auth/me")
    )
    assert (validated.status_code, validated.json()) == (
        401,
        {"success": False, "message": "No token provided"},
    )
    assert (me.status_code, me.json()) == (401, {"detail": "Authentication required"})
