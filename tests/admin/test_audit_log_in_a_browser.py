"""Olga reads a request report, exports events and rotates a key, at her desk and on her phone."""

from accounts.models import AuditEvent, SigningKey
from apikeys.models import ProviderCredential
from tests.audit_events import add_event
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK_LIGHT, PHONE_DARK

SCREENS = DESK_LIGHT, PHONE_DARK


def test_a_request_is_explained_in_one_paste(enter, caller, alice):
    answers = [
        caller.json("/v1/login", {"username": "alice", "password": "wrong"}) for _ in range(12)
    ]
    browser = enter("/admin/accounts/auditevent/", **PHONE_DARK.options)
    browser.look("audit-log", *SCREENS)
    browser.page.fill("#id_request", f"X-Request-ID: {answers[-1]['X-Request-ID']}")
    browser.page.keyboard.press("Enter")
    browser.page.wait_for_selector("#why")
    assert (
        "Throttled: more than 10 wrong guesses for “alice” in 5 minutes. It ends at"
        in browser.page.inner_text(".audit-log-sentence")
    )
    browser.look("request-report", *SCREENS)
    browser.page.fill("#id_request", "0123456789abcdef")
    browser.page.keyboard.press("Enter")
    browser.page.wait_for_selector("text=Nothing is known of this request")
    browser.look("request-report-unknown", *SCREENS)


def test_events_are_filtered_and_exported(enter, caller, alice):
    caller.json("/v1/login", {"username": "alice", "password": PASSWORD})
    caller.json("/v1/login", {"username": "alcie", "password": PASSWORD})
    add_event("login_failed", name="=cmd()", reason="no_such_account", address="192.0.2.7")
    browser = enter("/admin/accounts/auditevent/", **PHONE_DARK.options)
    browser.page.select_option("#id_kind", "login_failed")
    browser.page.select_option("#id_within", "24h")
    with browser.page.expect_navigation():
        browser.page.click(".audit-log-filter button")
    assert "kind=login_failed" in browser.path
    assert browser.page.locator("#result_list tbody tr").count() == 2
    browser.look("audit-log-filtered", *SCREENS)
    browser.page.click("text=Export…")
    browser.page.fill("#id_reason", "for the yearly review")
    browser.look("audit-log-export", *SCREENS)
    with browser.page.expect_download() as download:
        browser.page.click("button:text('Export')")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 3
    assert "'=cmd()" in lines[1]
    assert AuditEvent.objects.get(kind="exported").note == "for the yearly review"
    browser.page.click("text=Back")
    browser.page.click("#result_list tbody tr:last-child .field-when a")
    browser.page.wait_for_selector("text=A login as “alcie” was refused")
    browser.look("audit-log-event", *SCREENS)
    browser.page.go_back()
    browser.page.fill("#id_address", "10.0.0")
    with browser.page.expect_navigation():
        browser.page.click(".audit-log-filter button")
    assert "Write an address" in browser.page.inner_text(".audit-log-error")
    browser.look("audit-log-filter-refused", *SCREENS)


def test_a_key_is_rotated_and_the_one_before_retired(enter):
    browser = enter("/admin/accounts/signingkey/", **PHONE_DARK.options)
    before = SigningKey.objects.get(use="current").kid
    browser.page.click("text=Rotate…")
    browser.page.fill("#id_reason", "the yearly one")
    browser.look("signing-keys-rotate", *SCREENS)
    browser.page.click("button:text('Rotate')")
    browser.page.wait_for_selector("text=signs from now on")
    assert SigningKey.objects.get(use="previous").kid == before
    browser.look("signing-keys", *SCREENS)
    browser.page.click("text=Retire now")
    browser.look("signing-keys-retire", *SCREENS)
    browser.page.fill("#id_reason", "found on a laptop")
    browser.page.click("button:text('Retire now')")
    browser.page.wait_for_selector(f"text={before} is retired")
    assert not SigningKey.objects.filter(use="previous").exists()


def test_credentials_are_stored_and_seen_masked(enter):
    browser = enter("/admin/apikeys/providercredential/add/", **PHONE_DARK.options)
    browser.page.select_option("#id_provider", "nvidia")
    browser.page.fill("#id_secret", "nvapi-0123456789abcdefghijklmnop")
    browser.page.fill("#id_reason", "the first")
    browser.look("provider-credentials-add", *SCREENS)
    browser.page.click("[name=_continue]")
    browser.page.wait_for_selector("text=Stored now")
    assert f"nvap{'*' * 36}mnop" in browser.page.inner_text(".keys-word")
    assert ProviderCredential.objects.get().decrypt_secret() == "nvapi-0123456789abcdefghijklmnop"
    browser.look("provider-credentials", *SCREENS)
