"""Olga changes what Alice signs in with, at her desk and on her phone."""

from accounts.models import User
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK_LIGHT, PHONE_DARK

LIST = "/admin/accounts/user/"


def test_a_new_address(enter, alice, bob):
    browser = enter(f"{LIST}{alice.pk}/change/", **PHONE_DARK.options)
    browser.page.click("a:has-text('Change user name or e-mail')")
    assert browser.page.input_value("#id_email") == "alice@example.com"
    browser.look("identifiers-asks", DESK_LIGHT, PHONE_DARK)
    browser.page.fill("#id_email", "bob@example.com")
    browser.page.fill("#id_reason", "married")
    with browser.page.expect_navigation():
        browser.page.click(".action-form [type=submit]")
    assert "Another account has this one. Nothing was done." in browser.page.inner_text(
        ".action-form"
    )
    browser.look("identifiers-taken", DESK_LIGHT, PHONE_DARK)
    browser.page.fill("#id_email", "alice@example.org")
    with browser.page.expect_navigation():
        browser.page.click(".action-form [type=submit]")
    assert "Changed the user name or e-mail address of alice." in browser.page.inner_text(
        ".messagelist"
    )
    browser.look("identifiers-done", DESK_LIGHT, PHONE_DARK)
    assert User.objects.get(pk=alice.pk).email == "alice@example.org"


def test_a_generated_password_an_unknown_request_and_an_odd_address(enter):
    User.objects.create_superuser("admin", PASSWORD, password_generated=True)
    browser = enter("/admin/", username="admin", **PHONE_DARK.options)
    assert "Your password is still the one that was generated" in browser.page.inner_text(
        ".notices"
    )
    browser.look("dashboard-first-password", DESK_LIGHT, PHONE_DARK)
    browser.page.fill("#find-user", "0123456789abcdef")
    with browser.page.expect_navigation():
        browser.page.press("#find-user", "Enter")
    assert "Nothing is known of this request" in browser.page.inner_text("main")
    browser.look("find-request-unknown", DESK_LIGHT, PHONE_DARK)
    browser.open(f"{LIST}?password__gte=a")
    assert "This list has no such filter or page." in browser.page.inner_text(".messagelist")
    browser.look("lists-refused", DESK_LIGHT, PHONE_DARK)
    browser.open(
        "/admin/accounts/outgoingmail/?status__exact=failing"
        "&closed=2026-11-21T10:00:00Z/2026-11-21T11:00:00Z&user__id__exact=1"
    )
    browser.look("lists-filtered", DESK_LIGHT, PHONE_DARK)
