"""The pages in Chromium, with a real mail, with and without JavaScript."""

import pytest

from accounts import password_reset
from accounts.models import PasswordReset
from tests.pages.conftest import text_of
from tests.pages.visitor import DESK, DESK_LIGHT, NARROW, NARROW_LIGHT, PHONE, PHONE_DARK

LOGIN = "/api/auth/login"
NEW = "four small green lamps"


@pytest.fixture
def ask(visit, mailbox, alice):
    """Return Alice's browser on the page to which the mailed link leads."""

    def ask(**options):
        browser = visit(**options)
        browser.open("/forgot")
        browser.fill(identifier="alice@example.com")
        browser.submit()
        browser.open(mailbox.link())
        return browser

    return ask


@pytest.mark.parametrize("javascript", [True, False])
def test_alice_has_forgotten_her_password(visit, mailbox, caller, alice, javascript):
    browser = visit(java_script_enabled=javascript, viewport=PHONE)
    browser.open("/forgot")
    browser.fill(identifier="alice@example.com")
    browser.submit()
    assert (browser.path, browser.heading) == ("/forgot/sent", "Check your mail")

    browser.open(mailbox.link())
    assert (browser.path, browser.heading) == ("/reset", "Choose a new password")
    assert "at least 8 characters" in browser.page.inner_text(".rules")

    typed = ["password"] if javascript else ["password", "again"]
    browser.fill(**dict.fromkeys(typed, "alice"))
    assert browser.submit().status == 422
    assert browser.errors == [
        "This password is too short. It must contain at least 8 characters.",
        "The password is too similar to the username.",
        "This password is too common.",
    ]
    browser.fill(**dict.fromkeys(typed, NEW))
    browser.submit()
    assert (browser.path, browser.heading) == ("/reset/done", "Your password is changed")
    assert "authsvc_reset" not in browser.cookies
    assert caller.json(LOGIN, {"username": "alice", "password": NEW}).status_code == 200
    assert mailbox.receive()["Subject"] == "Your password for authsvc was changed"


@pytest.mark.parametrize(
    ("locale", "headings", "subject", "refusal"),
    [
        (
            "de-AT",
            [
                "Passwort vergessen?",
                "Sehen Sie in Ihre E-Mails",
                "Neues Passwort wählen",
                "Ihr Passwort ist geändert",
            ],
            "Neues Passwort für authsvc wählen",
            "Dieses Passwort ist zu üblich.",
        ),
        (
            "fr-CH",
            [
                "Mot de passe oublié ?",
                "Consultez vos e-mails",
                "Choisissez un nouveau mot de passe",
                "Votre mot de passe est changé",
            ],
            "Choisissez un nouveau mot de passe pour authsvc",
            "Ce mot de passe est trop courant.",
        ),
    ],
)
def test_in_other_languages(visit, mailbox, alice, locale, headings, subject, refusal):
    browser = visit(locale=locale)
    browser.open("/forgot")
    seen = [browser.heading]
    browser.fill(identifier="alice")
    browser.submit()
    seen.append(browser.heading)
    assert mailbox.receive()["Subject"] == subject
    browser.open(mailbox.link())
    seen.append(browser.heading)
    browser.fill(password="password")
    browser.submit()
    assert refusal in browser.errors
    browser.fill(password=NEW)
    browser.submit()
    assert [*seen, browser.heading] == headings
    assert browser.page.get_attribute("html", "lang") == locale[:2]


def test_mail_scanners_open_the_link_before_alice_does(visit, mailbox, alice):
    password_reset.ask("alice")
    link, browser = mailbox.link(), visit()
    before = list(PasswordReset.objects.values())
    for _ in range(20):
        assert browser.context.request.get(link).ok
        assert browser.context.request.head(link).ok
    assert list(PasswordReset.objects.values()) == before
    browser.open(link)
    browser.fill(password=NEW)
    browser.submit()
    assert browser.path == "/reset/done"


def test_the_token_is_in_no_address_and_no_script_can_read_it(ask, mailbox):
    browser = ask()
    token = mailbox.link().rpartition("/")[2]
    assert browser.path == "/reset"
    assert browser.cookies["authsvc_reset"]["value"] == token
    assert browser.cookies["authsvc_reset"]["httpOnly"]
    assert token not in browser.page.content() + browser.page.evaluate(
        "document.cookie + document.referrer + location.href"
    )


def test_a_link_that_was_used(ask, mailbox):
    browser, link = ask(), mailbox.link()
    browser.fill(password=NEW)
    browser.submit()
    assert browser.open(link).status == 410
    assert browser.heading == "This link no longer works"
    browser.page.click("main a")
    assert browser.path == "/forgot"


def test_looking_at_what_was_typed(ask):
    browser = ask()
    field, button = (
        browser.page.locator("#id_password"),
        browser.page.locator("[data-reveal=id_password]"),
    )
    browser.fill(password=NEW)
    assert field.get_attribute("type") == "password"
    button.click()
    assert (field.get_attribute("type"), button.inner_text()) == ("text", "Hide")
    assert button.get_attribute("aria-label") == "Hide: New password"
    button.click()
    assert (field.get_attribute("type"), button.inner_text()) == ("password", "Show")


def test_the_page_shows_the_strength_of_a_password(ask):
    browser = ask()
    for typed, hint in {
        "lamp": "Too short so far.",
        "aaaaaaaaaaaa": "Easy to guess.",
        "abcdefghijkl": "Easy to guess.",
        "alicealicealice!": "Easy to guess.",
        "Xq7!mw2p": "Fair. One more word would make it much harder to guess.",
        "four small lam": "Good. Longer is better still.",
        NEW: "Strong.",
    }.items():
        browser.fill(password=typed)
        browser.page.locator(".strength .words").get_by_text(hint, exact=True).wait_for()


def test_every_page_is_for_everybody(ask):
    """axe finds nothing, nothing scrolls sideways, and every target is large enough for a thumb."""
    browser, seen = ask(locale="de-DE"), []

    def look() -> None:
        seen.append(browser.heading)
        for screen in (DESK_LIGHT, PHONE_DARK, NARROW_LIGHT):
            browser.look(f"page-{len(seen)}", screen)
            assert all(box["height"] >= 44 for box in browser.targets())

    look()
    browser.fill(password="alice")
    browser.submit()
    look()
    browser.fill(password=NEW)
    browser.submit()
    look()
    for path in [
        "/forgot",
        "/forgot/sent",
        "/reset",
        "/change-password",
        "/change-password/done",
        "/nowhere",
    ]:
        browser.open(path)
        look()
    browser.open("/change-password")
    browser.fill(identifier="alice", current="wrong", password=NEW)
    browser.submit()
    look()
    assert len(seen) == 10


def test_a_keyboard_is_enough(ask):
    """The focused element is visible."""
    browser = ask()
    browser.page.keyboard.press("Tab")
    assert browser.page.evaluate("document.activeElement.id") == "id_password"
    assert browser.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.page.keyboard.type(NEW)
    with browser.page.expect_navigation():
        browser.page.keyboard.press("Enter")
    assert browser.path == "/reset/done"


def test_an_error_is_said_to_screen_readers(ask):
    browser = ask()
    browser.fill(password="alice")
    browser.submit()
    field = browser.page.locator("#id_password")
    described = " ".join(
        browser.page.inner_text(f"#{name}")
        for name in field.get_attribute("aria-describedby").split()
    )
    assert "at least 8 characters" in described
    assert "too common" in described
    assert field.get_attribute("aria-invalid") == "true"
    assert browser.page.evaluate("document.activeElement.id") == "id_password"
    assert browser.page.title().startswith("Error: ")


def test_password_managers_know_whose_password_it_is(ask):
    browser = ask()
    assert browser.page.get_attribute("[name=username]", "value") == "alice"
    assert browser.page.get_attribute("[name=username]", "autocomplete") == "username"
    assert browser.page.get_attribute("#id_password", "autocomplete") == "new-password"


def test_the_mail_is_readable_where_it_is_shown(visit, mailbox, alice):
    password_reset.ask("alice")
    html = text_of(mailbox.receive(), "html")
    for options in ({"viewport": NARROW}, {"viewport": DESK, "color_scheme": "dark"}):
        browser = visit(**options)
        browser.page.set_content(html)
        assert (
            browser.barriers(only=["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]) == []
        )  # landmarks are those of the mail program
        assert not browser.scrolls_sideways()
