"""Olga finds Alice and sees her whole, at her desk and on her phone."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts import audit, origin, outbox
from accounts.models import OutgoingMail, Session, User
from apikeys.models import APIKey
from apikeys.reasons import EndReason
from tests.pages.people import DESK, PHONE

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile Safari/604.1",
    "curl/8.5.0",
)


@pytest.fixture
def lived(alice, bob, olga):
    """Alice has been here for a while, and there are others."""
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    for n, agent in enumerate(AGENTS * 4):
        at = now() - timedelta(minutes=37 * n)
        Session.objects.create(
            user=alice, contract="form", last_used_at=at, expires_at=now() + timedelta(days=7), user_agent=agent, address="192.0.2.7"
        )
    keys = [APIKey.objects.issue(alice.pk, name)[0] for name in ("Deployment", "Nightly backup", "Old laptop")]
    APIKey.objects.filter(pk=keys[2].pk).end(EndReason.LEAKED)
    for error in ("", "550 5.1.1 <alice@example.com>: Recipient address rejected: User unknown in virtual mailbox table"):
        outbox.put(outbox.Kind.RESET, typed="alice", user=alice)
        mail = OutgoingMail.objects.latest("pk")
        mail.error = error
        mail.close(OutgoingMail.Fate.FAILED if error else OutgoingMail.Fate.SENT)
    with origin.entered(origin.Origin(request_id="0123456789abcdef", address="192.0.2.7", contract="form")):
        audit.record(audit.Kind.LOGIN, user=alice)
        audit.record(audit.Kind.LOGIN_FAILED, user=alice, reason="wrong_password")
        audit.record(audit.Kind.THROTTLED, name="alice", reason="guesses_by_name", data={"limit": 10, "seconds": 300})
    people = (
        User(username=f"person{n:02}", email=f"person{n:02}@example.com", name=f"Person {n}", password="x", is_active=n % 9 > 0)
        for n in range(70)
    )
    User.objects.bulk_create(people)
    return alice


def find(browser, typed):
    box = browser.page.get_by_role("searchbox", name="Find anyone")
    box.fill(typed)
    with browser.page.expect_navigation():
        box.press("Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("screen", "viewport"), [("desk", DESK), ("phone", PHONE)])
def test_one_person_whole(lived, enter, screen, viewport, scheme):
    browser = enter(viewport=viewport, color_scheme=scheme)
    find(browser, "Liddell")
    assert browser.heading == "Alice Liddell"
    assert browser.page.locator(".states").inner_text().split("\n") == ["Active", "Must change password"]
    assert browser.page.locator("section.panel h2").all_inner_texts() == [
        "Live sessions 10+",
        "API keys 3",
        "Mails 2",
        "What happened 3",
        "Profile",
    ]
    assert not browser.scrolls_sideways()
    assert browser.barriers() == []
    browser.keep(f"find-person-{screen}-{scheme}")


@pytest.mark.parametrize(("screen", "viewport", "scheme"), [("desk", DESK, "light"), ("phone", PHONE, "dark")])
@pytest.mark.parametrize("path", ["accounts/user", "accounts/session", "accounts/outgoingmail", "apikeys/apikey"])
def test_lists(lived, enter, path, screen, viewport, scheme):
    browser = enter(viewport=viewport, color_scheme=scheme)
    browser.open(f"/admin/{path}/?q=alice")
    assert browser.page.locator("#result_list tbody tr").count() >= 1
    assert not browser.scrolls_sideways()
    assert browser.barriers() == []
    browser.keep(f"find-{path.rpartition('/')[2]}s-{screen}-{scheme}")


def test_from_many_to_the_deactivated_ones(lived, enter):
    browser = enter()
    find(browser, "person")
    assert "70 found" in browser.page.inner_text("#toolbar")
    browser.page.get_by_role("link", name="Deactivated").click()
    browser.page.wait_for_url("**state=deactivated*")
    assert browser.page.locator("#result_list tbody tr").count() == 8
    browser.keep("find-deactivated")


def test_the_id_is_copied(lived, enter):
    browser = enter()
    browser.context.grant_permissions(["clipboard-read", "clipboard-write"])
    find(browser, str(lived.uuid))
    browser.page.get_by_role("button", name="Copy").click()
    browser.page.get_by_role("button", name="Copied").wait_for()
    assert browser.page.evaluate("navigator.clipboard.readText()") == str(lived.uuid)
