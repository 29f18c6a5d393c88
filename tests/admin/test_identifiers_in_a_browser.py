"""Olga changes what Alice signs in with, at her desk and on her phone."""

import pytest

from accounts.models import User
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK, PHONE

LIST = "/admin/accounts/user/"


@pytest.mark.parametrize(
    ("screen", "viewport", "scheme"), [("desk", DESK, "light"), ("phone", PHONE, "dark")]
)
def test_a_new_address(enter, alice, bob, screen, viewport, scheme):
    browser = enter(LIST, viewport=viewport, color_scheme=scheme)
    browser.open(f"{LIST}{alice.pk}/change/")
    browser.page.click("a:has-text('Change user name or e-mail')")
    assert browser.page.input_value("#id_email") == "alice@example.com"
    browser.look(f"identifiers-asks-{screen}-{scheme}")
    browser.page.fill("#id_email", "bob@example.com")
    browser.page.fill("#id_reason", "married")
    with browser.page.expect_navigation():
        browser.page.click(".action-form [type=submit]")
    assert "Another account has this one. Nothing was done." in browser.page.inner_text(
        ".action-form"
    )
    browser.look(f"identifiers-taken-{screen}-{scheme}")
    browser.page.fill("#id_email", "alice@example.org")
    with browser.page.expect_navigation():
        browser.page.click(".action-form [type=submit]")
    assert "Changed the user name or e-mail address of alice." in browser.page.inner_text(
        ".messagelist"
    )
    browser.look(f"identifiers-done-{screen}-{scheme}")
    assert User.objects.get(pk=alice.pk).email == "alice@example.org"


@pytest.mark.parametrize(
    ("screen", "viewport", "scheme"), [("desk", DESK, "light"), ("phone", PHONE, "dark")]
)
def test_a_generated_password_an_unknown_request_and_an_odd_address(
    enter, screen, viewport, scheme
):
    User.objects.create_superuser("admin", PASSWORD, password_generated=True)
    browser = enter("/admin/", username="admin", viewport=viewport, color_scheme=scheme)
    assert "Your password is still the one that was generated" in browser.page.inner_text(
        ".notices"
    )
    browser.look(f"dashboard-first-password-{screen}-{scheme}")
    browser.page.fill("#find-user", "0123456789abcdef")
    with browser.page.expect_navigation():
        browser.page.press("#find-user", "Enter")
    assert "Nothing is known of this request" in browser.page.inner_text("main")
    browser.look(f"find-request-unknown-{screen}-{scheme}")
    browser.open(f"{LIST}?password__gte=a")
    assert "This list has no such filter or page." in browser.page.inner_text(".messagelist")
    browser.look(f"lists-refused-{screen}-{scheme}")
    browser.open(
        "/admin/accounts/outgoingmail/?status__exact=failing"
        "&closed=2026-11-21T10:00:00Z/2026-11-21T11:00:00Z&user__id__exact=1"
    )
    browser.look(f"lists-filtered-{screen}-{scheme}")
