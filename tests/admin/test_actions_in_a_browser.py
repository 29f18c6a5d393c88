"""Olga acts in a real browser: desk and phone, a double click, and the keyboard alone."""

import pytest

from accounts import sessions
from accounts.models import AuditEvent, User
from authsvc.contracts import bearer
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK_DARK, DESK_LIGHT, PHONE_DARK, PHONE_LIGHT

LIST = "/admin/accounts/user/"
ON_A_DESK, ON_A_PHONE = (DESK_LIGHT, DESK_DARK), (PHONE_LIGHT, PHONE_DARK)


def go_on(browser):
    with browser.page.expect_navigation():
        browser.page.click(".action-form [type=submit]")


@pytest.mark.parametrize("screens", [ON_A_DESK, ON_A_PHONE])
def test_a_user_leaves_the_company(enter, alice, bob, screens):
    """A click on the user's page asks, takes a reason, and a second one deactivates."""
    sessions.open_session(bearer.contract.policy, "alice", PASSWORD)
    browser = enter(f"{LIST}{alice.pk}/change/", **screens[0].options)
    browser.page.click("a:has-text('Deactivate')")
    assert browser.page.inner_text("h1") == "Deactivate: alice (Alice Liddell, alice@example.com)"
    browser.look("actions-confirm", *screens)
    go_on(browser)
    assert "This field is required." in browser.page.inner_text(".action-form")
    browser.look("actions-reason-missing", *screens)
    browser.page.fill("#id_reason", "left the company")
    go_on(browser)
    assert "Deactivated alice." in browser.page.inner_text(".messagelist")
    alice.refresh_from_db()
    assert not alice.is_active


def test_new_laptops_for_some(enter, alice, bob):
    browser = enter(LIST, **PHONE_LIGHT.options)
    for person in (alice, bob, User.objects.get(username="olga")):
        browser.page.check(f"input.action-select[value='{person.pk}']")
    browser.page.select_option("select[name=action]", "temporary_password")
    browser.page.click("button[name=index]")
    assert browser.page.inner_text("h1") == "Give a temporary password: 2 users"
    assert "No operator does this to themselves (1)" in browser.page.inner_text(".action-skipped")
    browser.look("actions-many", DESK_LIGHT, PHONE_LIGHT)
    browser.page.fill("#id_reason", "new laptops")
    go_on(browser)
    browser.look("actions-passwords", DESK_LIGHT, PHONE_LIGHT)
    shown = browser.page.locator(".action-secrets code").all_inner_texts()
    for user, password in zip((alice, bob), shown, strict=True):
        user.refresh_from_db()
        assert user.check_password(password)


def test_a_double_click_gives_one_password(enter, alice):
    browser = enter(f"{LIST}action/temporary_password/?ids={alice.pk}")
    browser.page.fill("#id_reason", "on the phone")
    with browser.page.expect_navigation():
        browser.page.dblclick(".action-form [type=submit]", no_wait_after=True)
    alice.refresh_from_db()
    assert alice.check_password(browser.page.inner_text(".action-secrets code"))
    assert AuditEvent.objects.filter(kind="temporary_password").count() == 1


def test_with_the_keyboard_alone(enter, alice):
    browser = enter(f"{LIST}action/change_role/?ids={alice.pk}")
    browser.page.focus("#id_role_0")
    for key in ("ArrowDown", "Tab"):
        browser.page.keyboard.press(key)
    browser.page.keyboard.type("works with us now")
    with browser.page.expect_navigation():
        browser.page.keyboard.press("Enter")
    alice.refresh_from_db()
    assert alice.role == "admin"


def test_a_new_user(enter):
    browser = enter(f"{LIST}add/")
    browser.look("user-add", DESK_LIGHT, PHONE_LIGHT)
    browser.fill(username="carol", email="carol@example.com")
    with browser.page.expect_navigation():
        browser.page.click("input[name=_save]")
    assert "An invitation is on its way to carol@example.com." in browser.page.inner_text(
        ".messagelist"
    )
