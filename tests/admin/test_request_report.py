"""Stan pastes the request id that a client got, and reads the request report."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache.backends import locmem
from django.urls import reverse
from django.utils.html import escape
from django.utils.timezone import now

from accounts import password_reset, passwords, sessions
from accounts.audit import recent_refusals
from accounts.models import AuditEvent, OutgoingMail, Session, User
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.audit_events import add_event
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
PAGE = reverse("admin:accounts_auditevent_request")
CACHED = vars(locmem)["_caches"]


@pytest.fixture
def explain(as_stan):
    def explain(answer):
        request_id = answer if isinstance(answer, str) else answer["X-Request-ID"]
        page = as_stan.get(PAGE, {"id": request_id})
        assert page.status_code == 200, request_id
        return page

    return explain


def message(page):
    return page.context["report"].message.text


def client_answer(page):
    return page.context["report"].message.answer


def log_in(caller, username="alice", password=PASSWORD, path="/c/bearer/api/v1/auth/login"):
    return caller.json(path, {"username": username, "password": password})


def tokens(caller):
    return log_in(caller).json()


# Logins


def test_a_wrong_password(explain, caller, alice):
    page = explain(log_in(caller, password="wrong"))
    assert message(page) == "alice's login was refused because the password was wrong."
    assert client_answer(page) == "“Invalid credentials” (status 401)"
    text = page.content.decode()
    assert reverse("admin:accounts_user_change", args=[alice.pk]) in text
    assert "Send a reset mail if the user has forgotten the password." in text


def test_a_name_that_nobody_has(explain, caller):
    assert (
        message(explain(log_in(caller, "alcie")))
        == "A login as “alcie” was refused because no account has this name."
    )


def test_a_deactivated_account(explain, caller, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    page = explain(log_in(caller))
    assert message(page) == "alice's login was refused because the account is deactivated."
    assert ", deactivated" in page.content.decode()


def test_a_password_that_has_to_be_changed(explain, caller, alice):
    passwords.set_temporary(alice, "told by the operator")
    page = explain(log_in(caller, password="told by the operator"))
    assert "the password, which was right, has to be replaced by a new one first" in message(page)
    assert client_answer(page) == "“Password change required” (status 403)"


def test_each_throttled_request_says_when_it_ends(explain, caller, alice):
    """The audit log has one event for each window; later requests have ids of their own."""
    answers = [log_in(caller, password="wrong") for _ in range(13)]
    assert [answer.status_code for answer in answers[-3:]] == [429] * 3
    for answer in answers[-3:]:
        page = explain(answer)
        assert re.fullmatch(
            r"Throttled: more than 10 wrong guesses for “alice” in 5 minutes\. "
            r"It ends at \d\d:\d\d UTC\.",
            message(page),
        )
        assert "Too many login attempts" in client_answer(page)
        assert re.search(r"locked for [1-5] more min", page.content.decode())


def test_a_login_that_lacks_something(explain, caller):
    page = explain(caller.json("/v1/login", {"username": "alice"}))
    assert (message(page), client_answer(page)) == (
        "The request lacked something, or had it in the wrong form.",
        "“password: This field is required.” (status 422)",
    )


def test_actions_that_help_are_one_click_away(explain, caller, alice, olga):
    for _ in range(11):
        answer = log_in(caller, password="wrong")
    page = explain(answer)
    assert [button.name for button in page.context["actions"]] == ["unlock", "send_reset"]
    assert all(button.url in page.content.decode() for button in page.context["actions"])
    assert (
        explain(log_in(caller, "olga", "wrong")).context["actions"] == []
    )  # an admin does nothing to a super admin


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
def test_a_garbled_refresh_token_at_every_door(explain, caller, path, body):
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
    ("fate", "because"),
    [
        ({"used_at": "2026-01-01T00:00:00Z"}, "the link was used, or replaced by a newer mail"),
        ({"expires_at": "2026-01-01T00:00:00Z"}, "the link has expired"),
    ],
)
def test_a_link_that_opens_nothing(explain, caller, alice, fate, because):
    token = reset_token(alice)
    alice.resets.update(**fate)
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
    from accounts.mail import delivery

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


# The page


def test_events_around_the_request(explain, caller, alice, bob):
    at = now()
    near = add_event(
        "login_failed",
        user_id=alice.pk,
        name="alice",
        at=at - timedelta(minutes=10),
        reason="wrong_password",
    )
    same_address = add_event(
        "login", user_id=bob.pk, name="bob", address="127.0.0.1", at=at - timedelta(minutes=5)
    )
    add_event("login", user_id=alice.pk, name="alice", at=at - timedelta(minutes=20))
    add_event("login", user_id=bob.pk, name="bob", address="192.0.2.1", at=at)
    answer = log_in(caller, password="wrong")
    later = add_event("unlocked", user_id=alice.pk, name="alice", at=now() + timedelta(minutes=1))
    around = explain(answer).context["report"].around
    assert [event.pk for event in around if event.name != "stan"] == [
        later.pk,
        same_address.pk,
        near.pk,
    ]


@pytest.mark.parametrize("pasted", ["X-Request-ID: {}", "  {}\r\n", '"{}"', "x-request-id={}"])
def test_the_id_is_found_in_what_was_pasted(as_stan, caller, alice, pasted):
    request_id = log_in(caller, password="wrong")["X-Request-ID"]
    assert as_stan.get(PAGE, {"id": pasted.format(request_id)}).context["request_id"] == request_id


def test_an_unknown_id(as_stan):
    page = as_stan.get(PAGE, {"id": "0123456789abcdef"})
    assert page.status_code == 404
    text = page.content.decode()
    assert "No event and no refusal of late has the id <code>0123456789abcdef</code>" in text
    for reason in (
        "mistyped or cut",
        "the request worked",
        "older than 7 days",
        "another deployment",
    ):
        assert reason in text


@pytest.mark.parametrize("pasted", ["???", "<script>alert(1)</script>", "\0", "x" * 5000])
def test_a_text_without_an_id_is_refused(as_stan, pasted):
    page = as_stan.get(PAGE, {"id": pasted})
    assert page.status_code in (200, 404)
    assert "<script>alert" not in page.content.decode()


def test_the_page_without_an_id_asks_for_one(as_stan):
    page = as_stan.get(PAGE)
    assert page.status_code == 200
    assert "Nothing is known" not in page.content.decode()


def test_an_identifier_is_shown_and_not_run(explain, caller):
    typed = "<b>alice</b>"
    page = explain(log_in(caller, typed)).content.decode()
    assert typed not in page
    assert escape(typed) in page


def test_a_page_is_seven_queries(as_stan, caller, alice, django_assert_num_queries):
    """The operator and their session; the events of the request, before and after; the actions."""
    as_stan.get(PAGE)
    for _ in range(20):
        add_event("login", user_id=alice.pk, name="alice")
    answer = log_in(caller, password="wrong")
    with django_assert_num_queries(7):
        as_stan.get(PAGE, {"id": answer["X-Request-ID"]})


# Floods


def test_a_flood_of_refusals_fills_no_table_and_drives_out_only_its_own_kind(
    explain, caller, alice, monkeypatch
):
    monkeypatch.setattr(recent_refusals, "PLACES", 5)
    wanted = caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": "abc"})
    events = AuditEvent.objects.count()
    for _ in range(200):
        caller.get("/api/v1/auth/me", "abc")
    assert AuditEvent.objects.count() == events
    assert len([key for kept in CACHED.values() for key in kept if "refusals:" in key]) <= 10
    assert "none of ours" in message(explain(wanted))


def test_a_flood_of_dead_refresh_tokens_fills_no_audit_log(caller, alice):
    token = tokens(caller)["refresh_token"]
    Session.objects.revoke("logout")
    for _ in range(130):
        caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": token})
    assert AuditEvent.objects.filter(kind="refresh_failed").count() == 100


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
