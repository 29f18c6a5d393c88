"""Password resets of document 000, its examples in its own order."""

import pytest

from accounts.models import PasswordReset
from tests.contracts.clients import BY_NAME
from tests.contracts.password_resets.mounts import NEW, WEAK, bearers, detail, told
from tests.reset_mails import token_in

pytestmark = pytest.mark.django_db


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
def test_bearer_reset_password_with_an_invalid_password(caller, reset_secrets, mount, password):
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
