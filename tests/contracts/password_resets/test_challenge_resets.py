"""Password resets of document 003, its examples in its own order."""

from urllib.parse import quote

import pytest

from accounts import passwords
from accounts.models import Session
from tests.conftest import PASSWORD
from tests.contracts.clients import BY_NAME
from tests.contracts.password_resets.mounts import (
    NEW,
    PLAIN,
    WEAK,
    challenges,
    told,
)
from tests.reset_mails import code_in

pytestmark = pytest.mark.django_db


@challenges
@pytest.mark.parametrize("username", ["alice", "alice@example.com", "ALICE", "nobody"])
def test_challenge_forgot_password(caller, alice, deliver, mount, username):
    answers = [
        caller.json(f"{mount}/forgot-password", {"username": username}),
        caller.form(f"{mount}/forgot-password/", f"username={quote(username)}"),
        caller.multipart(f"{mount}/forgot-password", username=username),
    ]
    assert [told(answer) for answer in answers] == [
        (200, {"message": "Confirmation code sent.", "status": 200})
    ] * 3
    assert deliver() == ([] if username == "nobody" else ["alice@example.com"] * 3)


@challenges
@pytest.mark.parametrize("username", ["alice", " Alice@Example.com "])
def test_challenge_forgot_password_confirm(caller, alice, deliver, mailoutbox, mount, username):
    caller.json(f"{mount}/forgot-password", {"username": "alice"})
    deliver()
    body = {
        "username": username,
        "password": NEW,
        "confirmation_code": code_in(mailoutbox[0], alice),
    }
    answer = caller.json(f"{mount}/forgot-password-confirm", body)
    assert told(answer) == (200, {"message": "Password changed.", "status": 200})
    again = caller.json(f"{mount}/forgot-password-confirm", body)
    assert told(again) == (401, {"message": "Invalid or expired confirmation code.", "status": 401})
    assert BY_NAME["challenge"].log_in(caller, password=NEW).status_code == 200


@challenges
def test_challenge_forgot_password_confirm_with_a_wrong_code_or_name(
    caller, alice, bob, reset_secrets, mount
):
    wrong = [
        ("alice", "6MadrbRF"),
        ("bob", reset_secrets.code),
        ("nobody", reset_secrets.code),
        ("alice", reset_secrets.token),
        ("alice", "сode"),
    ]
    for username, code in wrong:
        body = {"username": username, "password": NEW, "confirmation_code": code}
        answer = caller.json(f"{mount}/forgot-password-confirm", body)
        assert told(answer) == (
            401,
            {"message": "Invalid or expired confirmation code.", "status": 401},
        )
        assert answer["WWW-Authenticate"] == "Bearer"


@challenges
@pytest.mark.parametrize(("password", "reason"), WEAK)
def test_challenge_forgot_password_confirm_with_a_weak_password_leaves_the_code_usable(
    caller, reset_secrets, mount, password, reason
):
    body = {"username": "alice", "password": password, "confirmation_code": reset_secrets.code}
    for _ in range(6):
        assert told(caller.json(f"{mount}/forgot-password-confirm", body)) == (
            422,
            {"message": reason, "status": 422},
        )
    assert (
        caller.json(f"{mount}/forgot-password-confirm", {**body, "password": NEW}).status_code
        == 200
    )


def test_challenge_after_five_wrong_codes_the_right_one_is_refused(caller, reset_secrets):
    codes = ["6MadrbRF"] * 5 + [reset_secrets.code]
    bodies = [{"username": "alice", "password": NEW, "confirmation_code": code} for code in codes]
    assert [
        caller.json(f"{PLAIN}/forgot-password-confirm", body).status_code for body in bodies
    ] == [401] * 6


@challenges
def test_challenge_change_password(caller, alice, mount):
    (access, refresh), (elsewhere, _) = (
        BY_NAME["challenge"].tokens(caller),
        BY_NAME["form"].tokens(caller),
    )
    body = {"access_token": access, "previous_password": PASSWORD, "proposed_password": NEW}
    answer = caller.json(f"{mount}/change-password", body)
    assert told(answer) == (200, {"message": "Password changed.", "status": 200})
    assert [caller.get("/api/v1/auth/me", token).status_code for token in (access, elsewhere)] == [
        200,
        401,
    ]
    assert BY_NAME["challenge"].refresh(caller, access, refresh).status_code == 200


@challenges
@pytest.mark.parametrize("wrong", ["access_token", "previous_password"])
def test_challenge_change_password_with_something_wrong(caller, alice, mount, wrong):
    access, refresh = BY_NAME["challenge"].tokens(caller)
    body = {"access_token": access, "previous_password": PASSWORD, "proposed_password": NEW}
    for value in ("made up", refresh):
        answer = caller.json(f"{mount}/change-password", {**body, wrong: value})
        assert told(answer) == (401, {"message": "Incorrect username or password.", "status": 401})
    assert BY_NAME["challenge"].log_in(caller).status_code == 200


@challenges
@pytest.mark.parametrize(("password", "reason"), WEAK)
def test_challenge_change_password_to_a_weak_one(caller, alice, mount, password, reason):
    access, _ = BY_NAME["challenge"].tokens(caller)
    body = {"access_token": access, "previous_password": PASSWORD, "proposed_password": password}
    for _ in range(11):
        assert told(caller.json(f"{mount}/change-password", body)) == (
            422,
            {"message": reason, "status": 422},
        )
    assert (
        caller.json(f"{mount}/change-password", {**body, "proposed_password": NEW}).status_code
        == 200
    )


def test_challenge_guesses_at_the_previous_password_are_counted_like_any_other(caller, alice):
    access, _ = BY_NAME["challenge"].tokens(caller)
    body = {"access_token": access, "previous_password": "wrong", "proposed_password": NEW}
    assert [caller.json(f"{PLAIN}/change-password", body).status_code for _ in range(11)] == [
        401
    ] * 10 + [429]
    assert BY_NAME["envelope"].log_in(caller).status_code == 429


@pytest.fixture
def session(caller, alice):
    passwords.set_temporary(alice, "set by Olga, for once")
    return BY_NAME["challenge"].log_in(caller, password="set by Olga, for once").json()["session"]


@challenges
@pytest.mark.parametrize("username", ["alice", "Alice@Example.com"])
def test_challenge_new_password_required(caller, session, mount, username):
    answer = caller.json(
        f"{mount}/new-password-required",
        {"session": session, "username": username, "new_password": NEW},
    )
    body = answer.json()
    assert (answer.status_code, body) == (
        200,
        {
            "id_token": body["id_token"],
            "access_token": body["access_token"],
            "refresh_token": body["refresh_token"],
            "expires_in": 86_400,
        },
    )
    assert caller.get("/api/v1/auth/me", body["access_token"]).json()["username"] == "alice"
    again = caller.json(
        f"{mount}/new-password-required",
        {"session": session, "username": username, "new_password": NEW},
    )
    assert told(again) == (401, {"message": "Invalid or expired session.", "status": 401})


@challenges
@pytest.mark.parametrize("username", ["bob", "nobody"])
def test_challenge_new_password_required_with_another_name(caller, session, bob, mount, username):
    answer = caller.json(
        f"{mount}/new-password-required",
        {"session": session, "username": username, "new_password": NEW},
    )
    assert told(answer) == (401, {"message": "Invalid or expired session.", "status": 401})
    assert not Session.objects.exists()


@challenges
@pytest.mark.parametrize(
    ("password", "reason"),
    [*WEAK, ("set by Olga, for once", "Choose another password than the temporary one.")],
)
def test_challenge_new_password_required_with_a_weak_one_leaves_the_session_usable(
    caller, session, mount, password, reason
):
    body = {"session": session, "username": "alice", "new_password": password}
    for _ in range(11):
        assert told(caller.json(f"{mount}/new-password-required", body)) == (
            422,
            {"message": reason, "status": 422},
        )
    assert (
        caller.json(f"{mount}/new-password-required", {**body, "new_password": NEW}).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("end", "fields"),
    [
        ("forgot-password", ["username"]),
        ("forgot-password-confirm", ["username", "password", "confirmation_code"]),
        ("change-password", ["access_token", "previous_password", "proposed_password"]),
        ("new-password-required", ["session", "username", "new_password"]),
    ],
)
def test_challenge_each_field_is_required(caller, alice, end, fields):
    for missing in fields:
        answer = caller.json(
            f"{PLAIN}/{end}", {field: "something" for field in fields if field != missing}
        )
        assert told(answer) == (
            422,
            {"message": f"{missing}: This field is required.", "status": 422},
        )


def test_challenge_says_nothing_where_the_operator_wants_it_so(
    caller, alice, reset_secrets, settings
):
    settings.CHALLENGE_EMPTY_SUCCESS = True
    answers = [
        caller.json(f"{PLAIN}/forgot-password", {"username": "alice"}),
        caller.json(
            f"{PLAIN}/forgot-password-confirm",
            {"username": "alice", "password": NEW, "confirmation_code": reset_secrets.code},
        ),
    ]
    access = BY_NAME["challenge"].log_in(caller, password=NEW).json()["access_token"]
    body = {"access_token": access, "previous_password": NEW, "proposed_password": PASSWORD}
    answers.append(caller.json(f"{PLAIN}/change-password", body))
    assert [
        (answer.status_code, answer.content, answer.headers.get("Content-Type"))
        for answer in answers
    ] == [(204, b"", None)] * 3
    assert BY_NAME["challenge"].log_in(caller).status_code == 200
