"""Fixtures of the pages' tests: a mail server, and visitors with the system's Chromium."""

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from accounts import password_reset
from accounts.mail import delivery
from tests.conftest import lacking
from tests.pages.visitor import Visitor

# The shell has no windows to draw, and takes half of the processor time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Mailbox:
    """A mail server that accepts every mail and keeps it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def receive(self) -> EmailMessage:
        """Return the last mail, after the worker has sent all that is due."""
        delivery.deliver_due()
        return self.mails[-1]

    def link(self) -> str:
        """Return the path of the link in the last mail."""
        found = re.search(r"/reset/[\w-]+", text_of(self.receive()))
        assert found
        return found.group()


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body
    return str(body.get_content())


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", port, False
    yield box
    server.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        lacking("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    quiet = [
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # While Playwright's loop runs in this thread, Django takes tests for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *quiet])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, transactional_db, live_server, settings) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens a browser: ``visit(locale="de-DE", java_script_enabled=False)``.

    After the test, the pages must have done nothing that is forbidden to them.
    """
    settings.PUBLIC_URL = live_server.url
    visitors: list[Visitor] = []

    def visit(**options: Any) -> Visitor:
        visitors.append(Visitor(chromium, live_server.url, **options))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.leave()
    assert [violation for visitor in visitors for violation in visitor.violations] == []


@pytest.fixture
def link(alice):
    """Return the path of a reset link, as a mail to Alice has it."""
    return f"/reset/{password_reset.make(alice).token}"
