"""The pages as requests see them: statuses, headers and cookies."""

import logging
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError

from accounts import password_reset
from accounts.mail import delivery

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    "path",
    [
        "/forgot",
        "/forgot/sent",
        "/reset",
        "/reset/done",
        "/reset/first/done",
        "/reset/some-token",
        "/change-password",
        "/nowhere",
    ],
)
def test_headers_of_every_page(client, path):
    answer = client.get(path, headers=BROWSER)
    assert sorted(answer["Content-Security-Policy"].split("; ")) == [
        "base-uri 'none'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
    ]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert "authsvc_session" not in answer.cookies


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Original-Host", "Forwarded", "X-Forwarded-Server", "Host"]
)
def test_a_forged_host_reaches_no_mail_and_no_answer(client, alice, mailoutbox, settings, header):
    settings.PUBLIC_URL = "https://auth.example.com"
    forged = {header: "host=evil.example" if header == "Forwarded" else "evil.example"}
    answers = [
        client.post("/forgot", {"identifier": "alice"}, headers=forged),
        client.get("/forgot", headers=BROWSER | forged),
    ]
    answers.append(client.post("/v1/forgot-password", {"username": "alice"}, headers=forged))
    delivery.deliver_due()
    assert mailoutbox
    assert "https://auth.example.com/reset/" in mailoutbox[0].body
    assert not [mail for mail in mailoutbox if "evil" in str(mail.message())]
    assert not [
        answer for answer in answers if "evil" in f"{answer.headers}{answer.content.decode()}"
    ]


def test_browsers_get_pages_and_programs_get_json(client):
    for path in ("/nowhere", "/reset/a/b"):
        page = client.get(path, headers=BROWSER)
        assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
        for accept in ("application/json", "*/*", "text/plain", ""):
            answer = client.get(path, headers={"Accept": accept})
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})
    assert client.get("/api/nowhere", headers=BROWSER).json()
    refused = client.get("/forgot", headers=BROWSER | {"Host": "evil.example"})
    assert (refused.status_code, "not known under this address" in refused.content.decode()) == (
        400,
        True,
    )


def test_browsers_get_a_page_for_an_unexpected_error(client, link, caplog):
    """The log does not show the token, in either format."""
    client.raise_request_exception = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "django.contrib.messages.middleware.MessageMiddleware.process_request", lambda *_: 1 / 0
        )
        answer = client.get(link, headers=BROWSER)
    assert (answer.status_code, "The fault is ours" in answer.content.decode()) == (500, True)
    record = next(record for record in caplog.records if record.name == "django.request")
    assert record.levelno == logging.ERROR
    assert link not in f"{record.getMessage()}{record.__dict__}{caplog.text}"


@pytest.mark.parametrize(
    ("urls", "prefix"),
    [("prefixed_urls", "/people/reset/"), ("moved_link_urls", "/people/links/")],
)
def test_mails_and_the_log_follow_the_pages_to_another_path(
    client, alice, settings, mailoutbox, caplog, urls, prefix
):
    settings.ROOT_URLCONF = f"tests.pages.{urls}"
    password_reset.ask("alice")
    delivery.deliver_due()
    (link,) = re.findall(rf"http://testserver({prefix}\S+)", mailoutbox[0].body)
    client.raise_request_exception = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "django.contrib.messages.middleware.MessageMiddleware.process_request", lambda *_: 1 / 0
        )
        assert client.get(link).status_code == 500
    (record,) = (record for record in caplog.records if record.name == "django.request")
    assert f"{prefix}…" in record.getMessage()
    assert link not in f"{record.__dict__}{caplog.text}"


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_without_a_database_browsers_and_programs_are_asked_to_come_back(client, link, error):
    def fail(*_):
        raise error("no route to host db.internal")

    client.raise_request_exception = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.contrib.messages.middleware.MessageMiddleware.process_request", fail)
        page, answer = (
            client.get(link, headers=BROWSER),
            client.get(link, headers={"Accept": "application/json"}),
        )
    assert (page.status_code, "cannot reach our data" in page.content.decode()) == (503, True)
    assert (answer.status_code, answer.json()) == (
        503,
        {"detail": "Service temporarily unavailable"},
    )
    assert page["Retry-After"] == answer["Retry-After"] == "1"
    assert "db.internal" not in page.content.decode() + answer.content.decode()


def test_a_visitors_language_stays_on_the_visitors_page(client, caller, alice):
    page = client.get("/forgot", headers={"Accept-Language": "de-CH, en;q=0.5"})
    assert (page["Content-Language"], "Passwort vergessen?" in page.content.decode()) == (
        "de",
        True,
    )
    refused = caller.json(
        "/c/bearer/api/v1/auth/reset-password",
        {"token": password_reset.make(alice).token, "new_password": "12345678"},
        **{"Accept-Language": "de"},
    )
    assert refused.json() == {"detail": "This password is too common."}
    assert "Content-Language" not in refused.headers


def test_an_operators_own_templates_come_first(tmp_path):
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "reset_subject.txt").write_text("Hello from {{ site_name }}")
    environment = {
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        "TEMPLATE_DIR": str(tmp_path),
    }
    names = ["emails/reset_subject.txt", "emails/password_changed_subject.txt"]
    script = (
        "import django; django.setup(); from django.template.loader import render_to_string\n"
        f"for name in {names}: print(render_to_string(name, {{'site_name': 'Acme'}}).strip())"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.splitlines() == ["Hello from Acme", "Your password for Acme was changed"]


def test_a_french_title_has_a_narrow_space_before_its_colon(client):
    page = client.post(
        "/forgot", {"identifier": ""}, headers={"Accept-Language": "fr"}
    ).content.decode()
    assert "<title>Erreur\u202f: " in page
