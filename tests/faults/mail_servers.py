"""A mail server in a thread, which accepts mail, refuses it, stalls, hangs up, or is gone."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any, NamedTuple, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from accounts import password_reset
from tests.faults.processes import free_port

Answer = str | Callable[[str], str]  # to a message: the words, or what makes them of its text
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's
HANGS_UP = "the connection is closed without a word"


class Taken(NamedTuple):
    """A message as it arrived, whether it was accepted or not."""

    recipients: list[str]
    message: Message

    @property
    def text(self) -> str:
        return str(self.message.get_body(("plain",)).get_content())  # type: ignore[attr-defined]


class PostOffice:
    """Give the replies that the test has listed, one per message, and accept the messages after."""

    def __init__(self) -> None:
        self.port = free_port()
        self.taken: list[Taken] = []
        self.answers: deque[Answer] = deque()
        self.refused: dict[str, str] = {}
        self.refuses_sender = ""  # with these words
        self.lets_in = True  # whoever logs in
        self.pause = 0.0  # seconds before each message is answered
        self.together = 0  # how many messages wait for each other, for a while
        self.closed = False  # whether messages wait until it opens again
        self.controller: Controller | None = None

    def open(self) -> Self:
        login = lambda *_: AuthResult(success=self.lets_in, handled=False)  # noqa: E731
        self.controller = Controller(
            self, "127.0.0.1", self.port, auth_require_tls=False, authenticator=login
        )
        self.controller.start()
        return self

    def close(self) -> None:
        self.closed = False
        if self.controller:
            self.controller.stop()

    @property
    def delivered(self) -> Counter[str]:
        """Return the number of messages for each recipient."""
        return Counter(recipient for taken in self.taken for recipient in taken.recipients)

    # What aiosmtpd asks

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.refuses_sender:
            return self.refuses_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        taken = Taken(list(envelope.rcpt_tos), message_from_bytes(content, policy=default))
        answer = self.answers.popleft() if self.answers else "250 OK"
        words = answer(taken.text) if callable(answer) else answer
        if words == HANGS_UP or words.startswith("2"):
            self.taken.append(taken)
        await self.wait()
        if words == HANGS_UP and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return words

    async def wait(self) -> None:
        await asyncio.sleep(self.pause)
        until = asyncio.get_running_loop().time() + 0.5
        while self.closed or (
            len(self.taken) < self.together and asyncio.get_running_loop().time() < until
        ):
            await asyncio.sleep(0.01)


def request_resets(*identifiers: str) -> None:
    for identifier in identifiers:
        password_reset.ask(identifier)
