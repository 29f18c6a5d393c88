"""The pages of API documents in Chromium: Alice logs in and tries a request, also on a phone."""

import pytest

from tests.conftest import PASSWORD
from tests.pages.visitor import DESK_DARK, DESK_LIGHT, PHONE_DARK, PHONE_LIGHT


@pytest.mark.parametrize("screen", [DESK_LIGHT, PHONE_DARK], ids=lambda screen: screen.name)
def test_alice_authorizes_and_asks_who_she_is(visit, alice, screen):
    browser = visit(**screen.options)
    browser.open("/docs")
    browser.page.click("text=form")
    assert browser.path == "/docs/form"
    page = browser.page
    page.click(".btn.authorize")
    assert page.evaluate("document.activeElement.id") == "oauth_username"
    page.fill("#oauth_username", "alice")
    page.fill("#oauth_password", PASSWORD)
    page.click(".modal-ux button[aria-label='Apply given OAuth2 credentials']")
    page.wait_for_selector(".modal-ux button:text('Logout')")
    browser.keep(f"documents-authorized-{screen.name}")
    page.click(".modal-ux .close-modal")
    page.click("#operations-form-me .opblock-summary-control")
    page.click("#operations-form-me .try-out__btn")
    page.click("#operations-form-me .execute")
    answer = page.locator("#operations-form-me .live-responses-table .response")
    assert answer.locator(".response-col_status").inner_text().strip() == "200"
    assert '"username": "alice"' in answer.inner_text()
    assert not browser.scrolls_sideways()
    browser.keep(f"documents-tried-{screen.name}")


def test_a_token_of_the_button_is_good_in_another_contract(visit, alice):
    browser = visit()
    page = browser.page
    browser.open("/docs/envelope")
    page.click(".btn.authorize")
    page.fill("#oauth_username", "alice@example.com")
    page.fill("#oauth_password", PASSWORD)
    page.click(".modal-ux button[aria-label='Apply given OAuth2 credentials']")
    page.click(".modal-ux .close-modal")
    page.click("#operations-envelope-validate .opblock-summary-control")
    page.click("#operations-envelope-validate .try-out__btn")
    page.click("#operations-envelope-validate .execute")
    answer = page.locator("#operations-envelope-validate .live-responses-table .response")
    assert '"message": "Token is valid"' in answer.inner_text()


def test_the_list_of_documents_can_be_read_by_anybody(visit):
    browser = visit()
    browser.open("/docs")
    assert browser.heading == "API documents"
    browser.look("documents", DESK_LIGHT, DESK_DARK, PHONE_LIGHT)
    assert all(target["height"] >= 24 for target in browser.targets())
