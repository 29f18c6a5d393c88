"""/api/v1/auth, which three documents claim: each request says which of them it is for."""

import pytest

from accounts.models import Session
from tests.conftest import PASSWORD
from tests.contracts.clients import CLIENTS

pytestmark = pytest.mark.django_db
LOGIN, REFRESH, LOGOUT, ME = (
    f"/api/v1/auth/{path}" for path in ("login", "refresh", "logout", "me")
)
CREDENTIALS = {"username": "alice", "password": PASSWORD}
FORM = "username=alice&password=correct+horse+battery"
WHICH = "One of refresh_token, refreshToken and token is required."


def refused(status, text):
    return status, {"detail": text, "error": text}


def seen(answer):
    return answer.status_code, answer.json()


@pytest.fixture
def pair(caller, alice):
    return caller.json(LOGIN, CREDENTIALS).json()


@pytest.fixture
def form_pair(caller, alice):
    body = caller.form(LOGIN, FORM).json()
    return body["access_token"]["token"], body["refresh_token"]["token"]


def test_one_json_login_serves_two_documents(caller, alice):
    answer = caller.json(LOGIN, CREDENTIALS)
    alice.refresh_from_db()
    body = answer.json()
    assert answer.status_code == 200
    assert body == {
        "access_token": body["token"],
        "refresh_token": body["refreshToken"],
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
        "token": body["access_token"],
        "refreshToken": body["refresh_token"],
    }
    assert not answer.cookies


def test_form_data_says_that_a_login_is_in_form(caller, alice):
    urlencoded, multipart = caller.form(LOGIN, FORM), caller.multipart(LOGIN, **CREDENTIALS)
    assert (
        urlencoded.json().keys()
        == multipart.json().keys()
        == {"username", "access_token", "refresh_token"}
    )
    assert [session.contract for session in Session.objects.all()] == ["form", "form"]


def test_json_that_curl_sent_as_a_form_is_json(caller, alice):
    answer = caller.form(LOGIN, '{"username": "alice", "password": "correct horse battery"}')
    assert answer.status_code == 200
    assert answer.json()["token"] == answer.json()["access_token"]
    assert [session.contract for session in Session.objects.all()] == ["bearer"]


def test_json_that_curl_sent_as_a_form_refreshes_too(caller, pair):
    answer = caller.form(REFRESH, f'\n {{"refreshToken": "{pair["refreshToken"]}"}}')
    assert (answer.status_code, answer.json().keys()) == (200, {"token", "expires_in"})


def test_a_refresh_by_form_is_of_no_document(caller, pair):
    answer = caller.form(REFRESH, f"refresh_token={pair['refresh_token']}")
    assert seen(answer) == refused(415, "Unsupported content type")


def test_the_key_says_which_refresh_it_is(caller, pair, form_pair):
    bearer = caller.json(REFRESH, {"refresh_token": pair["refresh_token"]}).json()
    camel = caller.json(REFRESH, {"refreshToken": pair["refresh_token"]}).json()
    form = caller.json(REFRESH, {"token": form_pair[1]}, form_pair[0]).json()
    assert (bearer.keys(), camel.keys(), form.keys()) == (
        {"access_token", "token_type", "expires_in"},
        {"token", "expires_in"},
        {"username", "access_token", "refresh_token"},
    )


@pytest.mark.parametrize(
    "keys",
    [("refresh_token", "refreshToken"), ("refresh_token", "token"), ("refreshToken", "token")],
)
def test_two_keys_with_different_values(caller, pair, keys):
    answer = caller.json(REFRESH, {keys[0]: pair["refresh_token"], keys[1]: "another"})
    assert seen(answer) == refused(400, WHICH)


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_key_without_a_value_is_no_second_one(caller, pair, form_pair, nothing):
    """A typed client sends each field that it knows."""
    keys = dict.fromkeys(["refresh_token", "refreshToken", "token"], nothing)
    for key, names in (
        ("refresh_token", {"access_token", "token_type", "expires_in"}),
        ("refreshToken", {"token", "expires_in"}),
    ):
        answer = caller.json(REFRESH, {**keys, key: pair["refresh_token"]})
        assert (answer.status_code, answer.json().keys()) == (200, names)
    access, refresh = form_pair
    assert caller.json(REFRESH, {**keys, "token": refresh}, access).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, [], {"refresh": "token"}, "refresh_token", {"refresh_token": None, "refreshToken": ""}],
)
def test_no_key_that_says_which(caller, alice, body):
    assert seen(caller.json(REFRESH, body)) == refused(400, WHICH)


@pytest.mark.parametrize(
    "keys",
    [
        ("refreshToken", "refresh_token"),
        ("token", "refresh_token"),
        ("token", "refreshToken", "refresh_token"),
    ],
)
def test_equal_values_are_read_as_the_leftmost(caller, pair, keys):
    answer = caller.json(REFRESH, dict.fromkeys(keys, pair["refresh_token"]))
    assert (answer.status_code, answer.json().keys()) == (
        200,
        {"access_token", "token_type", "expires_in"},
    )


def test_equal_values_for_camel_and_form_are_camels(caller, pair):
    answer = caller.json(
        REFRESH, {"token": pair["refresh_token"], "refreshToken": pair["refresh_token"]}
    )
    assert (answer.status_code, answer.json().keys()) == (200, {"token", "expires_in"})


def test_a_second_key_is_no_way_round_rotation(caller, form_pair):
    access, refresh = form_pair
    assert (
        caller.json(REFRESH, {"token": refresh, "refresh_token": refresh}, access).status_code
        == 401
    )
    assert caller.json(REFRESH, {"token": refresh}, access).status_code == 200


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("refresh_token", "Invalid refresh token"),
        ("refreshToken", "Invalid or expired refresh token"),
        ("token", "Invalid or expired refresh token"),
    ],
)
def test_the_key_also_says_the_words_of_a_refusal(caller, form_pair, key, text):
    assert seen(caller.json(REFRESH, {key: "made up"}, form_pair[0])) == refused(401, text)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (LOGIN, CREDENTIALS | {"password": "wrong"}, refused(401, "Invalid credentials")),
        (LOGIN, {"username": "alice"}, refused(400, "password: This field is required.")),
        (LOGIN, b"{", refused(400, "Malformed JSON")),
        (REFRESH, b"{", refused(400, "Malformed JSON")),
        (LOGOUT, {}, refused(401, "Authentication required")),
        ("/api/v1/auth/nowhere", {}, refused(404, "Not found")),
        ("/api/v1/auth", {}, refused(404, "Not found")),
    ],
)
def test_a_refusal_stands_under_both_names(caller, alice, path, body, expected):
    assert seen(caller.json(path, body)) == expected


@pytest.mark.parametrize(
    ("method", "end", "expected"),
    [
        ("GET", "me", (401, {"detail": "Authentication required"})),
        ("POST", "me", (405, {"detail": "Method not allowed"})),
        (
            "GET",
            "validate-reset-token/made-up",
            (400, {"valid": False, "detail": "Token expired or invalid"}),
        ),
        ("POST", "forgot-password", (400, {"detail": "email: This field is required."})),
        ("POST", "reset-password", (400, {"detail": "token: This field is required."})),
        ("GET", "password-recovery/a@example.com", (405, {"detail": "Method not allowed"})),
        ("GET", "keys", (401, {"error": "Authentication required"})),
        ("DELETE", "keys/key_none", (401, {"error": "Authentication required"})),
    ],
)
def test_a_path_of_one_document_says_no_more_than_that(caller, db, method, end, expected):
    answer = caller.http.generic(method, f"/api/v1/auth/{end}", "{}", "application/json")
    assert seen(answer) == expected


def test_a_refused_form_stands_under_both_names(caller, alice):
    assert seen(caller.form(LOGIN, "username=alice&password=wrong")) == refused(
        401, "Invalid credentials"
    )
    assert seen(caller.form(LOGIN, "username=alice")) == refused(
        400, "password: This field is required."
    )


def test_only_token_speaks_oauth(caller, alice):
    answer = caller.form("/api/v1/auth/token", "username=alice&password=wrong")
    assert seen(answer) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid credentials"},
    )


@pytest.mark.parametrize("jar", [True, False])
def test_logout_of_a_session_that_form_opened_is_forms_cookie_or_not(caller, form_pair, jar):
    if not jar:
        caller.http.cookies.clear()
    answer = caller.json(LOGOUT, token=form_pair[0])
    assert seen(answer) == (200, {"message": "Logged out successfully."})
    assert answer.cookies["refresh_token"].value == ""
    assert caller.get(ME, form_pair[0]).status_code == 401


def test_logout_with_the_token_of_form_is_forms_too(caller, alice):
    token = caller.form("/api/v1/auth/token", FORM).json()["access_token"]
    assert seen(caller.json(LOGOUT, token=token)) == (200, {"message": "Logged out successfully."})


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.name != "form"], ids=str)
@pytest.mark.parametrize(
    "path", [LOGOUT, "/c/form/api/v1/auth/logout", "/c/bearer/api/v1/auth/logout"]
)
def test_a_stale_cookie_is_left_alone_when_it_came_with_another_contracts_token(
    caller, form_pair, client, path
):
    token, _ = client.tokens(caller)
    answer = caller.json(path, token=token)
    assert seen(answer) == (
        200,
        {"message": "Logged out successfully." if "/form/" in path else "Successfully logged out"},
    )
    assert not answer.cookies
    assert [caller.get(ME, access).status_code for access in (token, form_pair[0])] == [401, 200]


@pytest.mark.parametrize("token", ["", "made.up.token", "dead", "sk_live_x"])
def test_logout_without_a_readable_token(caller, form_pair, pair, token):
    if token == "dead":
        token = pair["token"]
        caller.json(LOGOUT, token=token)
    assert seen(caller.json(LOGOUT, token=token)) == refused(401, "Authentication required")
    for name, said in (("bearer", "detail"), ("camel", "error"), ("form", "detail")):
        answer = caller.json(f"/c/{name}{LOGOUT}", token=token)
        assert seen(answer) == (401, {said: "Authentication required"})
    assert caller.get(ME, form_pair[0]).status_code == 200


def test_no_form_at_a_json_documents_own_mount(caller, alice):
    answers = [caller.form(f"/c/{name}/api/v1/auth/login", FORM) for name in ("bearer", "camel")]
    text = "Unsupported content type"
    assert [seen(answer) for answer in answers] == [(415, {"detail": text}), (415, {"error": text})]


def test_no_json_at_the_forms_own_login(caller, alice):
    assert seen(caller.json("/c/form/api/v1/auth/login", CREDENTIALS)) == (
        415,
        {"detail": "Unsupported content type"},
    )
