"""Password resets of documents 000, 002 and 003, their examples in their own order."""

from urllib.parse import quote

import pytest

from accounts import password_reset, passwords
from accounts.mail import delivery
from accounts.models import OutgoingMail, PasswordReset, Session, User
from tests.conftest import PASSWORD
from tests.contracts.clients import BY_NAME, CLIENTS
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.django_db
NEW = "eine Zeile, die keiner kennt"
BEARER, FORM, CHALLENGE = "/c/bearer/api/v1/auth", "/c/form/api/v1/auth", "/c/challenge/v1"
SHARED, PLAIN = "/api/v1/auth", "/v1"
bearers = pytest.mark.parametrize("mount", [BEARER, SHARED])
forms = pytest.mark.parametrize("mount", [FORM, SHARED])
challenges = pytest.mark.parametrize("mount", [CHALLENGE, PLAIN])
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


def told(answer):
    return answer.status_code, answer.json()


def detail(mount, text):
    """Return an error of a path that is bearer's or form's alone, wherever it is mounted."""
    return {"detail": text}


@pytest.fixture
def reset_secrets(alice):
    return password_reset.make(alice)


@pytest.fixture
def deliver(mailoutbox):
    """Let the worker send the mails that are due; return the addresses that got one."""

    def work():
        mailoutbox.clear()
        delivery.deliver_due()
        return [address for message in mailoutbox for address in message.recipients()]

    return work


# Document 000


@bearers
@pytest.mark.parametrize("end", ["forgot-password", "forgot-password/"])
def test_bearer_forgot_password(caller, alice, deliver, mount, end):
    known, unknown = (
        caller.json(f"{mount}/{end}", {"email": email})
        for email in ("alice@example.com", "nobody@example.com")
    )
    assert (
        told(known) == told(unknown) == (200, {"message": "Password reset email sent successfully"})
    )
    assert deliver() == ["alice@example.com"]


@bearers
def test_bearer_reset_password(caller, alice, deliver, mailoutbox, mount):
    caller.json(f"{mount}/forgot-password", {"email": "alice@example.com"})
    deliver()
    body = {"token": token_in(mailoutbox[0]), "new_password": NEW}
    answer = caller.json(f"{mount}/reset-password", body)
    assert told(answer) == (200, {"message": "Password reset successfully"})
    again = caller.json(f"{mount}/reset-password", body)
    assert told(again) == (400, detail(mount, "Invalid or expired reset token"))
    assert BY_NAME["bearer"].log_in(caller, password=NEW).status_code == 200
    assert BY_NAME["bearer"].log_in(caller).status_code == 401


@bearers
def test_bearer_reset_password_with_a_token_that_is_none(caller, reset_secrets, mount):
    for token in (
        "abc123",
        reset_secrets.token[:-1],
        reset_secrets.code,
        "ｔｏｋｅｎ",
        "x" * 60_000,
    ):
        answer = caller.json(f"{mount}/reset-password", {"token": token, "new_password": NEW})
        assert told(answer) == (400, detail(mount, "Invalid or expired reset token"))


WEAK = [
    ("short", "This password is too short. It must contain at least 8 characters."),
    ("password1", "This password is too common."),
    ("alice1234", "The password is too similar to the username."),
]


@bearers
@pytest.mark.parametrize(("password", "reason"), WEAK)
def test_bearer_reset_password_with_a_weak_one_leaves_the_token_usable(
    caller, reset_secrets, mount, password, reason
):
    answer = caller.json(
        f"{mount}/reset-password", {"token": reset_secrets.token, "new_password": password}
    )
    assert told(answer) == (400, detail(mount, reason))
    assert (
        caller.json(
            f"{mount}/reset-password", {"token": reset_secrets.token, "new_password": NEW}
        ).status_code
        == 200
    )


@bearers
@pytest.mark.parametrize(
    "password", ["", "x" * 1025, None, 12345678, ["a", "b"], "nul \0 nul", "\ud800 alone"]
)
def test_bearer_reset_password_with_what_is_no_password(caller, reset_secrets, mount, password):
    answer = caller.json(
        f"{mount}/reset-password", {"token": reset_secrets.token, "new_password": password}
    )
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("new_password: ")
    assert PasswordReset.objects.usable().get() == reset_secrets.reset


@bearers
def test_bearer_validate_reset_token(caller, reset_secrets, mount):
    expected = {
        "valid": True,
        "expires_at": reset_secrets.reset.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for end in ("", "/"):
        answers = [
            caller.get(f"{mount}/validate-reset-token/{reset_secrets.token}{end}")
            for _ in range(20)
        ]
        assert [told(answer) for answer in answers] == [(200, expected)] * 20
        assert (
            caller.http.head(f"{mount}/validate-reset-token/{reset_secrets.token}{end}").status_code
            == 200
        )
    assert (
        caller.json(
            f"{mount}/reset-password", {"token": reset_secrets.token, "new_password": NEW}
        ).status_code
        == 200
    )
    refused = caller.get(f"{mount}/validate-reset-token/{reset_secrets.token}")
    assert told(refused) == (400, {"valid": False, **detail(mount, "Token expired or invalid")})


@bearers
@pytest.mark.parametrize("token", ["abc123", "%00", "%C3%BC", "%0D%0A", "..", "x" * 3000])
def test_bearer_validate_reset_token_that_is_none(caller, reset_secrets, mount, token):
    answer = caller.get(f"{mount}/validate-reset-token/{token}")
    assert told(answer) in [
        (400, {"valid": False, **detail(mount, "Token expired or invalid")}),
        (404, detail(mount, "Not found")),
    ]
    assert answer["Cache-Control"] == "no-store"


# Document 002


@forms
@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "alice+news@example.com",
        "a/b@example.com",
        "o'brien&sons@example.com",
        "50%25@example.com",
        "what?@example.com",
        "a;b=c@example.com",
        "jürgen@exämple.com",
        "алиса@пример.рф",
        "爱丽丝@例子.中国",
    ],
)
def test_form_password_recovery(caller, alice, mount, address):
    """Every character that a path can lose on its way, percent-encoded or not."""
    User.objects.filter(pk=alice.pk).update(email=address)
    for path in {
        quote(address, safe=""),
        quote(address, safe="/@"),
        quote(address.upper(), safe="+@"),
    }:
        answer = caller.http.post(f"{mount}/password-recovery/{path}")
        assert told(answer) == (200, {"message": "Password recovery email sent."})
        assert delivery.recipient(OutgoingMail.objects.latest("pk")) == alice


@forms
def test_form_password_recovery_with_a_slash_at_the_end(caller, alice, deliver, mount):
    answer = caller.http.post(f"{mount}/password-recovery/alice@example.com/")
    assert told(answer) == (200, {"message": "Password recovery email sent."})
    assert deliver() == ["alice@example.com"]


@forms
def test_form_password_recovery_of_somebody_unknown(caller, alice, deliver, mount):
    known, unknown = (
        caller.http.post(f"{mount}/password-recovery/{name}@example.com")
        for name in ("alice", "nobody")
    )
    assert told(known) == told(unknown) == (200, {"message": "Password recovery email sent."})
    assert deliver() == ["alice@example.com"]


@forms
@pytest.mark.parametrize(
    "path",
    [
        "alice@example.com%0D%0ABcc:eve@example.com",
        "alice@example.com%0ABcc:eve@example.com",
        "alice@example.com%0DBcc:eve@example.com",
        "alice@example.com,eve@example.com",
        "eve@example.com%20alice@example.com",
        "alice@example.com%00",
        "%22Alice%22%20%3Calice@example.com%3E",
        "alice@example.com%3Fbcc=eve@example.com",
        "alice@example.com%E2%80%A8Bcc:eve@example.com",
        "%ED%A0%80@example.com",
        "%FF@example.com",
        "a" * 300 + "@example.com",
    ],
)
def test_form_password_recovery_of_what_is_no_address(caller, alice, deliver, mount, path):
    answer = caller.http.post(f"{mount}/password-recovery/{path}")
    assert answer.status_code in (200, 400, 404)
    nowhere = (
        {"detail", "error"} if mount == SHARED else {"detail"}
    )  # a path that no document names
    assert (
        answer.json().keys()
        == {200: {"message"}, 400: {"detail"}, 404: nowhere}[answer.status_code]
    )
    assert deliver() == []


@forms
def test_form_password_recovery_asked_for_in_other_ways(caller, alice, mount):
    place = f"{mount}/password-recovery/alice@example.com"
    for answer in (caller.get(place), caller.http.put(place), caller.http.delete(place)):
        assert told(answer) == (405, detail(mount, "Method not allowed"))
    assert not OutgoingMail.objects.exists()
    assert caller.json(place, {"email": "eve@example.com"}).status_code == 200
    assert OutgoingMail.objects.get().identifier == "alice@example.com"


# Document 003


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
