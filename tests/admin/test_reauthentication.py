"""Dangerous actions take a reason, and the operator's password once in five minutes."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from tests.admin.actions import (
    INDEX,
    confirm_action,
    open_action,
    refresh,
    text,
)
from tests.conftest import PASSWORD
from tests.core.stored_hashes import full_queue

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 151])
def test_a_dangerous_action_wants_a_reason(as_olga, alice, reason):
    answer = confirm_action(as_olga, "deactivate", alice, reason=reason)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["reason"])
    refresh(alice)
    assert alice.is_active


def test_the_password_is_asked_again_and_then_not_for_five_minutes(as_olga, alice, bob, carol):
    assert confirm_action(as_olga, "deactivate", alice, password=None).status_code == 422
    assert confirm_action(as_olga, "deactivate", alice).status_code == 302
    assert "Your password" not in text(open_action(as_olga, "deactivate", bob))
    assert confirm_action(as_olga, "deactivate", bob, password=None).status_code == 302
    session = as_olga.session
    session["password_given_at"] -= 300
    session.save()
    assert confirm_action(as_olga, "deactivate", carol, password=None).status_code == 422
    refresh(alice, bob, carol)
    assert [user.is_active for user in (alice, bob, carol)] == [False, False, True]


def test_the_password_is_not_asked_again_just_after_signing_in(client, olga, alice):
    client.post(reverse("admin:login"), {"username": "olga", "password": PASSWORD, "next": INDEX})
    assert confirm_action(client, "deactivate", alice, password=None).status_code == 302


def test_a_password_given_in_another_browser_counts_only_there(as_olga, olga, alice, bob):
    confirm_action(as_olga, "deactivate", alice)
    another = as_olga.__class__()
    another.force_login(olga)
    assert confirm_action(another, "deactivate", bob, password=None).status_code == 422


def test_a_wrong_password_counts_like_one_at_the_login(as_olga, alice, caller):
    for _ in range(10):
        answer = confirm_action(as_olga, "deactivate", alice, password="wrong")
        assert (answer.status_code, answer.context["form"].errors["password"]) == (
            422,
            ["This is not your password. Nothing was done."],
        )
    answer = confirm_action(as_olga, "deactivate", alice)
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert "Too many wrong passwords" in text(answer)
    assert caller.json("/v1/login", {"username": "olga", "password": PASSWORD}).status_code == 429
    failed = AuditEvent.objects.filter(
        kind="login_failed", name="olga", contract="admin", reason="wrong_password"
    )
    assert (failed.count(), AuditEvent.objects.filter(kind="throttled", name="olga").exists()) == (
        10,
        True,
    )
    refresh(alice)
    assert alice.is_active


def test_a_password_that_cannot_be_checked_just_now_is_none(as_olga, alice):
    """The action itself needs no hash: only the check of the password stands in its way."""
    with full_queue():
        answer = confirm_action(as_olga, "deactivate", alice)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "Too many passwords are being checked just now. Nothing was changed." in text(answer)
    refresh(alice)
    assert alice.is_active
    assert confirm_action(as_olga, "deactivate", alice).status_code == 302


def test_a_form_without_a_reason_costs_no_attempt(as_olga, alice):
    confirm_action(as_olga, "deactivate", alice, reason="", password="wrong")
    assert not AuditEvent.objects.filter(kind="login_failed").exists()


def test_no_page_repeats_a_password(as_olga, alice):
    assert "hunter2 or so" not in text(
        confirm_action(as_olga, "deactivate", alice, reason="", password="hunter2 or so")
    )
