"""Stan pastes the request id that a client got, and reads the request report."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.html import escape
from django.utils.timezone import now

from accounts import passwords
from accounts.audit import recent_refusals
from accounts.models import AuditEvent, Session, User
from tests.admin.request_reports import CACHED, PAGE, client_answer, log_in, message, tokens
from tests.audit_events import add_event

pytestmark = pytest.mark.usefixtures("db")


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
