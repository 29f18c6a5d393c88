"""Changing a password in Chromium, and the admin under the same policy."""

import pytest

from accounts import passwords
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK

LOGIN = "/api/auth/login"


NEW = "four small green lamps"


@pytest.fixture
def sign_in(visit, olga):
    """Olga the operator signs in to the admin."""

    def sign_in(**options):
        browser = visit(**options)
        browser.open("/admin/login/?next=/admin/")
        browser.page.fill("#id_username", "olga")
        browser.page.fill("#id_password", PASSWORD)
        browser.page.click("[type=submit]")
        browser.page.wait_for_url("**/admin/")
        return browser

    return sign_in


def test_olga_changes_her_password_and_stays_signed_in(sign_in, caller):
    browser = sign_in()
    browser.page.click("text=Change password")
    assert browser.path == "/change-password"
    assert browser.page.input_value("#id_identifier") == "olga"
    assert browser.page.get_attribute("#id_identifier", "readonly") is not None
    browser.fill(current=PASSWORD, password=NEW)
    browser.submit()
    assert browser.path == "/change-password/done"
    browser.page.click("main a")
    browser.page.wait_for_selector("#user-tools")
    assert (browser.path, browser.page.title()) == ("/admin/", "Dashboard | authsvc")
    assert caller.json(LOGIN, {"username": "olga", "password": NEW}).status_code == 200


def test_a_temporary_password_leads_from_the_admin_to_a_new_one(visit, olga, caller):
    passwords.set_temporary(olga, "what bob told olga")
    browser = visit()
    browser.open("/admin/login/")
    browser.page.fill("#id_username", "olga")
    browser.page.fill("#id_password", "what bob told olga")
    browser.page.click("[type=submit]")
    assert "Password change required." in browser.page.inner_text(".errornote")
    browser.page.click(".errornote a")
    browser.fill(identifier="olga", current="what bob told olga", password=NEW)
    browser.submit()
    assert browser.path == "/change-password/done"
    assert caller.json(LOGIN, {"username": "olga", "password": NEW}).status_code == 200


def test_the_admin_works_under_the_same_policy(sign_in, alice):
    """The visitor's fixture collects the browser's errors on every page."""
    browser = sign_in(viewport=DESK)
    lists = browser.page.locator("#content-main th a").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    assert "/admin/accounts/outgoingmail/" in lists
    paths = [
        *lists,
        f"/admin/accounts/user/{alice.pk}/change/",
        f"/admin/accounts/user/{alice.pk}/history/",
    ]
    for path in [*paths, "/admin/accounts/user/add/", f"/admin/accounts/user/{alice.pk}/password/"]:
        assert browser.open(path).status == 200
    browser.open("/admin/accounts/user/")
    browser.page.check("#action-toggle")
    assert browser.page.is_checked(f"input.action-select[value='{alice.pk}']")
    browser.page.click("button.theme-toggle")
    assert browser.page.get_attribute("html", "data-theme") == "dark"
