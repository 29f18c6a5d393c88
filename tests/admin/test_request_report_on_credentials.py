"""Request reports on refused tokens, password resets, challenges and API keys."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts import password_reset, sessions
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, Session
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.admin.request_reports import CACHED, client_answer, log_in, message, tokens
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


# Tokens


def test_a_refresh_token_that_is_none(explain, caller):
    answer = caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": "abc"})
    assert "refresh token was refused because it is none of ours" in message(explain(answer))


def test_a_refresh_after_the_session_was_ended(explain, caller, alice):
    token = tokens(caller)["refresh_token"]
    Session.objects.revoke("logout")
    page = explain(caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": token}))
    assert "A refresh token was refused because the session had ended" in message(page)
    assert re.search(r"It is the session of alice, ended at [-\d: ]+ UTC: logout\.", message(page))
    assert page.context["report"].user == alice


def test_a_refresh_at_the_wrong_contract(explain, caller, alice):
    body = {"username": "alice", "refresh_token": tokens(caller)["refresh_token"]}
    assert "issued by bearer, and is good nowhere else" in message(
        explain(caller.json("/v1/token-refresh", body))
    )


def test_a_spent_refresh_token(explain, caller, alice):
    body = caller.form("/api/v1/auth/login", f"username=alice&password={PASSWORD}").json()
    access, refresh = body["access_token"]["token"], {"token": body["refresh_token"]["token"]}
    caller.json("/c/form/api/v1/auth/refresh", refresh, access)
    Session.objects.update(rotated_at=now() - timedelta(minutes=1))
    page = explain(caller.json("/c/form/api/v1/auth/refresh", refresh, access))
    assert message(page).startswith("alice's spent refresh token was used again: its session ended")
    assert "A stranger may hold a copy" in page.content.decode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/token-revoke", {"refresh_token": "abc"}),
        ("/c/challenge/v1/token-refresh", {"username": "alice", "refresh_token": "abc"}),
        ("/c/camel/api/v1/auth/refresh", {"refreshToken": "abc"}),
    ],
)
def test_a_malformed_refresh_token_at_every_contract(explain, caller, path, body):
    assert "none of ours" in message(explain(caller.json(path, body)))


def test_an_access_token_of_a_session_that_ended(explain, caller, alice):
    token = tokens(caller)["access_token"]
    alice.invalidate_credentials("ended_by_operator")
    page = explain(caller.get("/api/v1/auth/me", token))
    assert message(page).startswith("The access token was refused because its session had ended")
    assert "of alice, ended at" in message(page)
    assert message(page).endswith("ended by an operator.")


def test_an_access_token_that_expired_and_one_that_is_none(explain, caller, alice):
    issued = sessions.open_session(
        replace(bearer.contract.policy, access=timedelta(seconds=-5)),
        "alice",
        PASSWORD,
    )
    assert (
        message(explain(caller.get("/api/v1/auth/me", issued.access)))
        == "The access token was refused because it had expired."
    )
    assert "none of ours" in message(explain(caller.get("/api/v1/auth/me", "abc")))


def test_a_logout_without_a_token(explain, caller):
    assert (
        message(explain(caller.json("/c/camel/api/v1/auth/logout")))
        == "The request came without a token or key."
    )


# Resets and challenges


def reset_token(user):
    return password_reset.make(user).token


@pytest.mark.parametrize(
    ("state", "because"),
    [
        ({"used_at": "2026-01-01T00:00:00Z"}, "the link was used, or replaced by a newer mail"),
        ({"expires_at": "2026-01-01T00:00:00Z"}, "the link has expired"),
    ],
)
def test_a_link_that_opens_nothing(explain, caller, alice, state, because):
    token = reset_token(alice)
    alice.resets.update(**state)
    page = explain(
        caller.json(
            "/c/bearer/api/v1/auth/reset-password",
            {"token": token, "new_password": "four small green lamps"},
        )
    )
    assert message(page) == f"alice's password reset was refused because {because}."
    assert AuditEvent.objects.get(kind="reset_failed").user == alice
    page = explain(caller.get(f"/c/bearer/api/v1/auth/validate-reset-token/{token}"))
    assert (message(page), client_answer(page)) == (
        f"alice's password reset was refused because {because}.",
        "“Token expired or invalid” (status 400)",
    )


def test_a_link_of_nobody(explain, caller):
    page = explain(
        caller.json(
            "/c/bearer/api/v1/auth/reset-password",
            {"token": "abc", "new_password": "four small green lamps"},
        )
    )
    assert "there is no such link" in message(page)


def test_a_wrong_code(explain, caller, alice):
    body = {
        "username": "alice",
        "confirmation_code": "abcdefgh",
        "password": "four small green lamps",
    }
    page = explain(caller.json("/v1/forgot-password-confirm", body))
    assert (
        message(page)
        == "alice's password reset was refused because the code is wrong, used or expired."
    )


def test_a_weak_password(explain, caller, alice):
    page = explain(
        caller.json(
            "/c/bearer/api/v1/auth/reset-password",
            {"token": reset_token(alice), "new_password": "password"},
        )
    )
    assert message(page) == "The new password was refused: This password is too common."


def test_a_challenge_that_no_longer_counts(explain, caller, alice):
    body = {"session": "abc", "username": "alice", "new_password": "four small green lamps"}
    page = explain(caller.json("/v1/new-password-required", body))
    assert "the challenge token is none of ours" in message(page)
    assert page.context["report"].user == alice


def test_a_reset_mail_that_nobody_got(explain, caller):
    answer = caller.json("/v1/forgot-password", {"username": "nobody@example.com"})
    delivery.deliver_due()
    assert OutgoingMail.objects.get().status == "nobody"
    assert (
        "this request was not refused. A password reset was asked for “nobody@example.com”."
        in message(explain(answer))
    )


# Keys


@pytest.fixture
def key(alice):
    return APIKey.objects.issue(alice.pk, "ci")


def test_a_key_that_was_ended(explain, caller, key):
    APIKey.objects.filter(pk=key[0].pk).end(EndReason.DELETED)
    page = explain(caller.get("/api/v1/auth/me", key[1]))
    assert message(page).startswith(f"The API key {key[0].public_id} was refused: it was ended")


def test_a_key_that_was_mistyped(explain, caller, key):
    assert message(explain(caller.get("/api/v1/auth/me", key[1][:-1]))) == (
        "The API key was refused because it is mistyped, or cut: its checksum does not fit."
    )


def test_a_key_without_the_scope(explain, caller, key):
    page = explain(caller.json("/introspect", {"token": "abc"}, key[1]))
    assert message(page) == "The request was refused: the API key has no scope introspect."


def test_keys_of_others_and_too_many(explain, caller, alice):
    token = tokens(caller)["access_token"]
    answer = caller.http.delete(
        "/api/v1/auth/keys/key_a1B2c3D4", headers={"Authorization": f"Bearer {token}"}
    )
    assert (
        message(explain(answer))
        == "There is no such API key: no live key of this owner has this id."
    )


def test_credentials_for_admins_only(explain, caller, alice):
    page = explain(caller.get("/api/auth/aws-credentials", tokens(caller)["access_token"]))
    assert message(page) == (
        "alice was refused a look at the credentials of aws: the role user is not that of an admin."
    )
    assert client_answer(page) == "“Admin access required” (status 403)"


def test_no_secret_is_remembered(caller, alice, key):
    body = tokens(caller)
    alice.invalidate_credentials("ended")
    APIKey.objects.filter(pk=key[0].pk).end(EndReason.LEAKED)
    caller.get("/api/v1/auth/me", body["access_token"])
    caller.get("/api/v1/auth/me", key[1])
    caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": body["refresh_token"]})
    log_in(caller, password="wrong but telling")
    kept = str([list(kept.values()) for kept in CACHED.values()])
    for secret in (body["access_token"], body["refresh_token"], key[1], "wrong but telling"):
        assert secret not in kept
