"""Mails: their text and language, and that no other user can influence them."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings

from accounts import devices, password_reset
from accounts.mail import delivery
from accounts.models import OutgoingMail
from accounts.pages.views import RESET_COOKIE
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
CATALOGUES = sorted(Path(settings.BASE_DIR, "authsvc", "locale").glob("*/LC_MESSAGES/django.po"))


@pytest.fixture
def ask(client, mailoutbox, alice):
    """Return the mail to Alice after a browser with these headers asked for a link."""

    def ask(**headers):
        client.post("/forgot", {"identifier": "alice"}, headers={"User-Agent": FIREFOX} | headers)
        delivery.deliver_due()
        return mailoutbox[-1]

    return ask


def both(mail):
    message = mail.message()
    plain, html = (part.get_payload(decode=True).decode() for part in message.get_payload())
    return plain, html


def test_a_reset_mail_says_who_asked_and_for_how_long_it_holds(ask):
    mail = ask()
    row = OutgoingMail.objects.get()
    assert (mail.subject, mail.to) == ("Choose a new password for authsvc", ["alice@example.com"])
    for text in both(mail):
        assert re.search(r"http://testserver/reset/[\w-]{43}\b", text)
        assert re.search(r"\b[a-zA-Z2-9]{8}\b", text)
        assert "your account" in text
        assert "Firefox on Linux" in text
        assert "127.0.0.1" in text
        assert f"{row.created_at:%Y}" in text
        assert "work once, until" in text
        assert "If that was not you, you need not do anything" in text


def test_link_and_code_of_a_mail_are_good(ask, client, caller, alice):
    plain, html = both(ask())
    (link,), (code,) = (
        re.findall(r"/reset/\S+", plain),
        re.findall(r"^ {4}(\w{8})$", plain, re.MULTILINE),
    )
    assert f'href="http://testserver{link}"' in html
    assert f">{code}<" in html
    assert client.get(link).status_code == 302
    assert client.get("/reset").status_code == 200
    asked = {"username": "alice", "confirmation_code": code, "password": "four small green lamps"}
    assert caller.json("/v1/forgot-password-confirm", asked).status_code == 200
    assert client.get("/reset").status_code == 410


def test_word_of_a_changed_password(client, mailoutbox, alice):
    client.post(
        "/change-password",
        {"identifier": "alice", "current": PASSWORD, "password": "four small green lamps"},
    )
    delivery.deliver_due()
    assert mailoutbox[0].subject == "Your password for authsvc was changed"
    for text in both(mailoutbox[0]):
        assert "http://testserver/forgot" in text
        assert "If that was not you" in text
        assert "four" not in text


@pytest.mark.parametrize(
    ("asked", "chosen", "subject"),
    [
        ("de-AT,de;q=0.9", "", "Neues Passwort für authsvc wählen"),
        ("fr", "", "Choisissez un nouveau mot de passe pour authsvc"),
        ("it, fr;q=0.5", "", "Choisissez un nouveau mot de passe pour authsvc"),
        ("fr", "de", "Neues Passwort für authsvc wählen"),
        ("it", "", "Choose a new password for authsvc"),
    ],
)
def test_the_language_is_the_owners_else_that_of_who_asked(ask, alice, asked, chosen, subject):
    type(alice).objects.filter(pk=alice.pk).update(language=chosen)
    assert ask(**{"Accept-Language": asked}).subject == subject


def test_the_device_is_named_in_the_same_language(ask):
    plain, html = both(ask(**{"Accept-Language": "de"}))
    assert "Firefox auf Linux" in plain
    assert "Firefox auf Linux" in html
    assert 'lang="de"' in html


@pytest.mark.parametrize(
    "user_agent",
    [
        "evil.example/1.0 CFNetwork/808.3 Darwin/16.3.0",
        "Your-account-is-locked-call-0800-1234 bot/1.0",
        "<script>alert(1)</script>",
        "Firefox\r\nBcc: eve@evil.example",
        "",
    ],
)
def test_the_sender_of_a_request_cannot_write_into_the_mail(ask, user_agent):
    mail = ask(**{"User-Agent": user_agent})
    assert mail.recipients() == ["alice@example.com"]
    for text in both(mail):
        assert not re.search(r"evil|0800|script>alert|Bcc", text)


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) "
            "Version/17.0 Mobile/15E148 Safari/604.1",
            "Safari on iOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/126.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
            "Edge on Windows",
        ),
        ("curl/8.5.0", ""),
    ],
)
def test_devices(user_agent, device):
    assert devices.describe(user_agent) == device


def test_a_name_is_no_markup(ask, alice, settings):
    settings.SITE_NAME = "Smith & Sons <b>"
    plain, html = both(ask())
    assert "at Smith & Sons <b>." in plain
    assert "Smith &amp; Sons &lt;b&gt;" in html


def test_a_mail_calls_nowhere_when_it_is_opened(ask):
    _, html = both(ask())
    assert not re.search(r"<(img|link|script|iframe)|url\(|@import", html)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_every_text_is_translated(path):
    """The compiled catalogues hold the written translations."""
    written = path.read_text()
    with path.with_suffix(".mo").open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)._catalog  # type: ignore[attr-defined]
    texts = [_joined(found) for found in re.findall(r'^msgid ((?:".*"\n)+)', written, re.MULTILINE)]
    translations = [
        _joined(found)
        for found in re.findall(r'^msgstr(?:\[\d\])? ((?:".*"(?:\n|$))+)', written, re.MULTILINE)
    ]
    assert "fuzzy" not in written
    assert len(texts) > 50
    assert all(translations)
    assert sorted(set(translations)) == sorted(set(catalogue.values()))


def _joined(quoted: str) -> str:
    return "".join(str(ast.literal_eval(line)) for line in quoted.strip().splitlines())


def test_the_address_is_only_ever_the_stored_one(client, mailoutbox, alice):
    for identifier in (
        "alıce@example.com",
        "aliceſ@example.com",
        "alice@example.com\nBcc: eve@evil.example",
    ):
        client.post("/forgot", {"identifier": identifier})
    delivery.deliver_due()
    assert not mailoutbox
    client.post("/forgot", {"identifier": " ALICE@Example.com "})
    delivery.deliver_due()
    assert [mail.to for mail in mailoutbox] == [["alice@example.com"]]


@pytest.mark.parametrize(
    ("language", "heading", "subject", "sentence"),
    [
        (
            "en",
            "Your password is saved",
            "You have chosen your password for authsvc",
            "the first password of your account",
        ),
        (
            "de",
            "Ihr Passwort ist gespeichert",
            "Sie haben Ihr Passwort für authsvc gewählt",
            "wurde das erste Passwort gewählt",
        ),
        (
            "fr",
            "Votre mot de passe est enregistré",
            "Vous avez choisi votre mot de passe pour authsvc",
            "a été choisi",
        ),
    ],
)
def test_a_first_password_is_chosen_and_not_changed(
    client, mailoutbox, alice, language, heading, subject, sentence
):
    """The account had no password before, and no session."""
    alice.set_unusable_password()
    alice.save()
    client.cookies[RESET_COOKIE] = password_reset.make(alice).token
    headers = {"Accept-Language": language}
    done = client.post("/reset", {"password": "four small green lamps"}, headers=headers)
    page = client.get(done["Location"], headers=headers).content.decode()
    delivery.deliver_due()
    assert heading in page
    assert not re.search("signed out|abgemeldet|sessions", page)
    assert mailoutbox[-1].subject == subject
    assert all(sentence.lower() in text.lower() for text in both(mailoutbox[-1]))


def test_a_later_password_is_changed(client, mailoutbox, alice):
    client.cookies[RESET_COOKIE] = password_reset.make(alice).token
    assert (
        client.post("/reset", {"password": "four small green lamps"})["Location"] == "/reset/done"
    )
    delivery.deliver_due()
    assert mailoutbox[-1].subject == "Your password for authsvc was changed"
