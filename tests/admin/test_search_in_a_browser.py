"""Olga finds Alice and opens her page, at her desk and on her phone."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import audit_log
from accounts.mail import outbox
from accounts.models import OutgoingMail, Session, User
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from tests.pages.visitor import (
    DESK_DARK,
    DESK_LIGHT,
    NARROW,
    NARROW_LIGHT,
    PHONE,
    PHONE_DARK,
    PHONE_LIGHT,
    Screen,
)

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.0 Mobile Safari/604.1",
    "curl/8.5.0",
)


def open_sessions(alice):
    for n, agent in enumerate(AGENTS * 4):
        Session.objects.create(
            user=alice,
            contract="form",
            last_used_at=now() - timedelta(minutes=37 * n),
            expires_at=now() + timedelta(days=7),
            user_agent=agent,
            address="192.0.2.7",
        )


def issue_keys(alice):
    """Three API keys, of which the last was leaked."""
    names = ("Deployment", "Nightly backup", "Old laptop")
    *_, last = [APIKey.objects.issue(alice.pk, name)[0] for name in names]
    APIKey.objects.filter(pk=last.pk).end(EndReason.LEAKED)


def send_mails(alice):
    """Two mails, of which the server refused the second."""
    for error in (
        "",
        "550 5.1.1 <alice@example.com>: Recipient address rejected: "
        "User unknown in virtual mailbox table",
    ):
        outbox.put(outbox.Template.RESET, identifier="alice", user=alice)
        mail = OutgoingMail.objects.latest("pk")
        mail.error = error
        mail.close(OutgoingMail.Status.FAILED if error else OutgoingMail.Status.SENT)


def record_events(alice):
    with request_context.use(
        request_context.RequestContext(
            request_id="0123456789abcdef", address="192.0.2.7", contract="form"
        )
    ):
        audit_log.record(audit_log.Kind.LOGIN, user=alice)
        audit_log.record(audit_log.Kind.LOGIN_FAILED, user=alice, reason="wrong_password")
        audit_log.record(
            audit_log.Kind.THROTTLED,
            name="alice",
            reason="guesses_by_name",
            data={"limit": 10, "seconds": 300},
        )


def create_others():
    User.objects.bulk_create(
        User(
            username=f"person{n:02}",
            email=f"person{n:02}@example.com",
            name=f"Person {n}",
            password="x",
            is_active=n % 9 > 0,
        )
        for n in range(70)
    )


@pytest.fixture
def lived(alice, bob, olga):
    """Alice has been here for a while, and there are others."""
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    open_sessions(alice)
    issue_keys(alice)
    send_mails(alice)
    record_events(alice)
    create_others()
    return alice


SCREENS = [
    DESK_LIGHT,
    Screen("tablet-light", {"width": 820, "height": 1100}, "light"),
    PHONE_DARK,
    NARROW_LIGHT,
]


def find(browser, query):
    box = browser.page.get_by_role("searchbox", name="Find user")
    box.fill(query)
    with browser.page.expect_navigation():
        box.press("Enter")


def test_the_page_of_a_user(lived, enter):
    browser = enter(**PHONE_LIGHT.options)
    find(browser, "Liddell")
    assert browser.heading == "Alice Liddell"
    assert browser.page.locator(".states").inner_text().split("\n") == [
        "Active",
        "Must change password",
    ]
    assert browser.page.locator("section.panel h2").all_inner_texts() == [
        "Active sessions 10+",
        "API keys 3",
        "Mails 2",
        "Audit log 3",
        "Profile",
    ]
    browser.look("user-detail", PHONE_LIGHT, PHONE_DARK, DESK_LIGHT, DESK_DARK)


@pytest.mark.parametrize(
    "path",
    [
        "accounts/user",
        "accounts/session",
        "accounts/outgoingmail",
        "apikeys/apikey",
        "accounts/auditevent",
    ],
)
def test_lists(lived, enter, path):
    asked = "?q=alice" if path != "accounts/auditevent" else ""
    browser = enter(f"/admin/{path}/{asked}")
    assert browser.page.locator("#result_list tbody tr").count() >= 1
    for screen in SCREENS:
        browser.look(f"list-{path.rpartition('/')[2]}s", screen)
        assert browser.inner_scrolls() == [], screen


def test_from_many_to_the_deactivated_ones(lived, enter):
    browser = enter()
    find(browser, "person")
    assert "70 found" in browser.page.inner_text("#toolbar")
    browser.page.get_by_role("link", name="Deactivated").click()
    browser.page.wait_for_url("**state=deactivated*")
    assert browser.page.locator("#result_list tbody tr").count() == 8
    browser.keep("list-users-deactivated")


def test_the_id_is_copied(lived, enter):
    browser = enter()
    browser.context.grant_permissions(["clipboard-read", "clipboard-write"])
    find(browser, str(lived.uuid))
    browser.page.get_by_role("button", name="Copy").click()
    browser.page.get_by_role("button", name="Copied").wait_for()
    assert browser.page.evaluate("navigator.clipboard.readText()") == str(lived.uuid)


def test_a_card_says_its_state_first_and_labels_the_rest(lived, enter):
    browser = enter("/admin/accounts/outgoingmail/?q=alice", viewport=PHONE)
    cards = browser.page.locator("#result_list tbody tr")
    assert [cards.nth(n).locator("td").nth(1).get_attribute("data-label") for n in range(2)] == [
        "Status",
        "Status",
    ]
    assert "Failed" in cards.nth(0).inner_text()
    assert not cards.nth(1).locator("td.field-error").is_visible()


@pytest.mark.parametrize("viewport", [PHONE, NARROW])
def test_a_mails_page_shows_all_of_a_long_user_agent(lived, enter, viewport):
    mail = OutgoingMail.objects.latest("pk")
    OutgoingMail.objects.filter(pk=mail.pk).update(user_agent=f"{AGENTS[1]} {'x' * 120}")
    browser = enter(f"/admin/accounts/outgoingmail/{mail.pk}/change/", viewport=viewport)
    agent = browser.page.locator(".field-user_agent .readonly")
    script = """found => {
        const text = document.createRange();
        text.selectNodeContents(found);
        const row = found.closest(".form-row");
        return text.getBoundingClientRect().right - row.getBoundingClientRect().right;
    }"""
    assert agent.evaluate(script) <= 0
    assert browser.page.inner_text(".field-request .readonly") == "—"
    assert browser.inner_scrolls() == []
    browser.keep(f"mail-detail-{viewport['width']}")
