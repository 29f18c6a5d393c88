"""An HTTP client of a server that tests start."""

import http.client
import json
import re
import socket
import time
from contextlib import closing, suppress
from typing import Any, NamedTuple

PASSWORD = "correct horse battery"
FORM = "application/x-www-form-urlencoded"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    """An HTTP client of the server at ``port``, which collects the tokens of its responses.

    ``secrets`` are the tokens and passwords, so that a test can search the log for them.
    """

    port: int
    secrets: set[str]

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(
        self,
        path: str,
        body: Any = None,
        token: str = "",
        *,
        over: http.client.HTTPConnection | None = None,
        timeout: float = 30,
    ) -> Answer:
        """Send GET; or, with a body, POST: a dictionary as JSON, a string as a form."""
        connection = over or self.connect(timeout)
        try:
            send(connection, path, body, token)
            return self.receive(connection)
        finally:
            if not over:
                connection.close()

    def receive(self, connection: http.client.HTTPConnection) -> Answer:
        got = connection.getresponse()
        answer = Answer(
            got.status, {name.title(): value for name, value in got.getheaders()}, got.read()
        )
        self.secrets |= set(
            re.findall(
                r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}", answer.content.decode(errors="replace")
            )
        )
        return answer

    def patiently(self, *arguments: Any) -> Answer:
        """Repeat ``call`` until there is a response."""
        deadline = time.monotonic() + 15
        while True:
            try:
                return self.call(*arguments)
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def raw(self, sent: bytes, then: bytes = b"") -> bytes:
        """Return all bytes that the server sends, before and after a first response."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), 15) as connection:
            for part in (sent, then):
                with suppress(TimeoutError, ConnectionResetError, BrokenPipeError):
                    connection.settimeout(15)
                    connection.sendall(part)
                    while part and (more := connection.recv(65536)):
                        received += more
                        connection.settimeout(0.3)
        return received

    def log_in(self, user: str) -> dict[str, str]:
        body = self.call(
            "/c/bearer/api/v1/auth/login", {"username": user, "password": PASSWORD}
        ).json()
        return {"access": body["access_token"], "refresh": body["refresh_token"]}

    def log_in_by_form(self, user: str) -> dict[str, str]:
        body = self.call(
            "/c/form/api/v1/auth/login", f"username={user}&password={PASSWORD.replace(' ', '+')}"
        ).json()
        return {"access": body["access_token"]["token"], "refresh": body["refresh_token"]["token"]}

    def rotate(self, pair: dict[str, str]) -> Answer:
        return self.call("/c/form/api/v1/auth/refresh", {"token": pair["refresh"]}, pair["access"])

    def me(self, token: str, **options: Any) -> int:
        return self.call("/api/v1/auth/me", token=token, **options).status

    def visit(self, path: str) -> Answer:
        """Send GET as a browser that has signed in to the admin once."""
        with closing(self.connect()) as browser:
            browser.request(
                "GET",
                path,
                headers={
                    "Accept": "text/html",
                    "Cookie": "authsvc_session=0123456789abcdefghijklmnopqrstuv",
                },
            )
            return self.receive(browser)


def send(
    connection: http.client.HTTPConnection, path: str, body: Any = None, token: str = ""
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is None:
        return connection.request("GET", path, headers=headers)
    kind, sent = ("application/json", json.dumps(body)) if isinstance(body, dict) else (FORM, body)
    return connection.request("POST", path, sent, {"Content-Type": kind, **headers})
