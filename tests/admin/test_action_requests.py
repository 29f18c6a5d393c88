"""Requests to the pages of actions that no browser sends."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import OutgoingMail, Session, User
from apikeys.models import APIKey
from tests.admin.actions import (
    LIST,
    action_url,
    confirm_action,
    events,
    log_in,
    open_action,
    page,
    refresh,
    text,
)
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize(
    ("ids", "status", "said"),
    [
        ("", 400, "No row was chosen"),
        (",,", 400, "No row was chosen"),
        ("alice", 400, "something that is no id"),
        ("1;2", 400, "something that is no id"),
        ("-1", 400, "something that is no id"),
        ("1\0", 400, "something that is no id"),
        ("9" * 30, 400, "something that is no id"),
        ("999999999999999999", 404, "not there, or not any more"),
        (",".join(map(str, range(10_000))), 400, "at most 1,000 users"),
        (",".join(map(str, range(1, 1002))), 400, "at most 1,000 users"),
    ],
)
def test_ids_that_are_none(as_olga, ids, status, said):
    sent = {"ids": ids, "reason": "ticket 7", "password": PASSWORD}
    for answer in (
        as_olga.get(action_url(User, "deactivate"), sent),
        as_olga.post(action_url(User, "deactivate"), sent),
    ):
        assert (answer.status_code, said in text(answer)) == (status, True)
    assert events() == []


@pytest.mark.parametrize(
    ("model", "name"), [(Session, "end_session"), (APIKey, "end_key"), (OutgoingMail, "send_again")]
)
@pytest.mark.parametrize(
    "ids", ["x", "1,2", "\0", "ﬀ", "00000000-0000-0000-0000-000000000000", "abcdefgh", "’"]
)
def test_ids_of_other_rows_that_are_none(as_olga, model, name, ids):
    assert as_olga.get(action_url(model, name), {"ids": ids}).status_code in (400, 404)


@pytest.mark.parametrize("ticked", ["x", "9" * 40, "1\0"])
def test_a_tick_that_is_none(as_olga, ticked):
    answer = as_olga.post(LIST, {"action": "deactivate", "_selected_action": [ticked]}, follow=True)
    assert "could not be read. Nothing was done." in text(answer)


def test_some_are_gone_by_now(as_olga, alice):
    answer = as_olga.get(action_url(User, "deactivate"), {"ids": f"{alice.pk},0{alice.pk},999999"})
    assert (answer.status_code, answer.context["unknown"]) == (200, 1)
    assert "1 of what was chosen is not there" in text(answer)


def test_an_action_that_does_not_exist(as_olga, alice):
    assert as_olga.get(f"{LIST}action/promote/", {"ids": alice.pk}).status_code == 404


def test_no_operator_is_led_to_another_site(as_olga, alice):
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        log_in()
        assert confirm_action(as_olga, "end_sessions", alice, next=elsewhere)["Location"] == page(
            alice
        )


def test_a_form_from_another_site_does_nothing(olga, alice):

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(olga)
    assert confirm_action(browser, "deactivate", alice).status_code == 403
    refresh(alice)
    assert alice.is_active


def test_there_is_nothing_to_do_to_an_expired_session(as_olga, alice):
    log_in()
    session = Session.objects.get()
    Session.objects.update(expires_at=now() - timedelta(hours=1))
    assert "There is nothing to do here" in text(open_action(as_olga, "end_session", session))
