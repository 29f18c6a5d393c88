"""Requests under load: one method for each measurement."""

import http.client
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import urlencode

from bench import ended_sessions, load, postgres, processor_time
from bench.accounts import OPERATOR, PASSWORD, username

from .load import Figure
from .servers import Server

LINES = 96
"""Logins whose refresh tokens turn over, the same number for each connection."""


@dataclass(frozen=True)
class Pair:
    """Tokens of a login."""

    access: str
    refresh: str


FULL_LIST = 100
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Stage:
    """Running servers, signed-in users, and a folder for files that wrk reads."""

    servers: dict[str, Server]
    folder: Path
    users: int
    sessions: int

    def __post_init__(self) -> None:
        self.ours = self.sign_in("authsvc", bearer_login, self.sessions)
        self.theirs = self.sign_in("djoser", djoser_login, self.sessions)
        self.postmaster = postgres.postmaster(
            self.servers["authsvc"].application.environment["DATABASE_URL"]
        )

    @cached_property
    def keys(self) -> list[str]:
        """Return an API key of each user who is signed in."""
        return [make_key(self.servers["authsvc"].port, pair.access) for pair in self.ours]

    @cached_property
    def introspection_key(self) -> str:
        port = self.servers["authsvc"].port
        return make_key(port, bearer_login(port, OPERATOR).access, "introspect")

    @cached_property
    def full_list(self) -> int:
        """Return the number of a status list with all of its sessions, far from those signed in."""
        address = self.servers["authsvc"].application.environment["DATABASE_URL"]
        ended_sessions.insert_list(address, FULL_LIST)
        return FULL_LIST

    def empty(self, seconds: int) -> Figure:
        return self.replay("empty", [self.get("empty", "/")], seconds)

    def me(self, seconds: int) -> Figure:
        return self.replay(
            "authsvc",
            [self.get("authsvc", "/api/v1/auth/me", pair.access) for pair in self.ours],
            seconds,
        )

    def validate(self, seconds: int) -> Figure:
        return self.replay(
            "authsvc",
            [self.get("authsvc", "/api/auth/validate", pair.access) for pair in self.ours],
            seconds,
        )

    def forward(self, seconds: int) -> Figure:
        return self.replay(
            "authsvc",
            [self.get("authsvc", "/auth/forward", pair.access) for pair in self.ours],
            seconds,
        )

    def api_key(self, seconds: int) -> Figure:
        return self.replay(
            "authsvc", [self.get("authsvc", "/api/v1/auth/me", key) for key in self.keys], seconds
        )

    def introspect(self, seconds: int) -> Figure:
        head = self.head("authsvc", "POST", "/introspect", self.introspection_key, FORM)
        bodies = [urlencode({"token": pair.access}) for pair in self.ours]
        return self.replay("authsvc", [with_body(head, body) for body in bodies], seconds)

    def status_list(self, seconds: int) -> Figure:
        return self.replay(
            "authsvc", [self.get("authsvc", f"/statuslists/{self.full_list}")], seconds
        )

    def djoser_me(self, seconds: int) -> Figure:
        return self.replay(
            "djoser",
            [self.get("djoser", "/auth/users/me/", pair.access) for pair in self.theirs],
            seconds,
        )

    def refresh(self, seconds: int) -> Figure:
        bodies = [{"refresh_token": pair.refresh} for pair in self.ours]
        return self.replay(
            "authsvc",
            [self.post("authsvc", "/api/v1/auth/refresh", body) for body in bodies],
            seconds,
        )

    def djoser_refresh_only(self, seconds: int) -> Figure:
        bodies = [{"refresh": pair.refresh} for pair in self.theirs]
        return self.replay(
            "djoser-static",
            [self.post("djoser-static", "/auth/jwt/refresh/", body) for body in bodies],
            seconds,
        )

    def rotation(self, seconds: int) -> Figure:
        lines = [(self.head("authsvc", "POST", "/api/v1/auth/refresh", pair.access), pair.refresh)
                 for pair in self.sign_in("authsvc", form_login, LINES)]  # fmt: skip
        return self.rotate(
            "authsvc", lines, "token", r'"refresh_token": ?{[^}]-"token": ?"([^"]+)"', seconds
        )

    def djoser_rotation(self, seconds: int) -> Figure:
        lines = [(self.head("djoser", "POST", "/auth/jwt/refresh/"), pair.refresh)
                 for pair in self.sign_in("djoser", djoser_login, LINES)]  # fmt: skip
        return self.rotate("djoser", lines, "refresh", r'"refresh": ?"([^"]+)"', seconds)

    def login(self, seconds: int) -> Figure:
        return self.replay("authsvc", self.logins("authsvc", "/api/v1/auth/login"), seconds)

    def djoser_login(self, seconds: int) -> Figure:
        return self.replay("djoser", self.logins("djoser", "/auth/jwt/create/"), seconds)

    def bare_hash(self, seconds: int) -> Figure:
        return load.bare_hash(seconds)

    def hash_in_a_view(self, seconds: int) -> Figure:
        return self.replay("hashing", [self.get("hashing", "/")], seconds)

    def logins(self, name: str, path: str) -> list[bytes]:
        return [self.post(name, path, credentials(number)) for number in range(self.users)]

    def sign_in(self, name: str, login: Callable[[int, int], Pair], count: int) -> list[Pair]:
        """Sign in the first users, each once."""
        with ThreadPoolExecutor(4) as pool:
            return list(
                pool.map(
                    lambda number: login(self.servers[name].port, number),
                    range(min(count, self.users)),
                )
            )

    def get(self, name: str, path: str, token: str = "") -> bytes:
        return self.head(name, "GET", path, token) + b"\r\n"

    def post(self, name: str, path: str, body: dict[str, str]) -> bytes:
        return with_body(self.head(name, "POST", path), json.dumps(body))

    def head(self, name: str, method: str, path: str, token: str = "", sends: str = JSON) -> bytes:
        """Return a request up to its length and body."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.servers[name].port}"]
        if method == "POST":
            lines.append(f"Content-Type: {sends}")
        if token:
            lines.append(f"Authorization: Bearer {token}")
        return "".join(f"{line}\r\n" for line in lines).encode()

    def replay(self, name: str, requests: list[bytes], seconds: int) -> Figure:
        server = self.servers[name]
        probe(server.port, requests[0])
        return self.metered(
            server,
            partial(load.replay, server.port, requests, seconds, self.folder / "requests"),
        )

    def rotate(
        self, name: str, lines: list[tuple[bytes, str]], key: str, pattern: str, seconds: int
    ) -> Figure:
        server = self.servers[name]
        return self.metered(
            server,
            partial(load.rotate, server.port, lines, key, pattern, seconds, self.folder / "lines"),
        )

    def metered(self, server: Server, measure: Callable[[], Figure]) -> Figure:
        return processor_time.metered(measure, server.workers(), self.postmaster)


def with_body(head: bytes, body: str) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body.encode()) + body.encode()


def probe(port: int, request: bytes) -> None:
    """Check that the first request gets a plain 200: wrk counts a redirect as a success."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = connection.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(
            f"{request.splitlines()[0].decode()} was answered:\n{answer.decode(errors='replace')}"
        )


def credentials(user: int | str) -> dict[str, str]:
    """Return those of a user, by number or by name."""
    name = user if isinstance(user, str) else username(user)
    return {"username": name, "password": PASSWORD}


def make_key(port: int, token: str, scope: str = "profile") -> str:
    body = json.dumps({"name": "bench", "scopes": [scope]})
    return str(send(port, "/api/v1/auth/keys", body, JSON, token)["apiKey"])


def bearer_login(port: int, number: int | str) -> Pair:
    answer = send(port, "/api/v1/auth/login", json.dumps(credentials(number)), JSON)
    return Pair(answer["access_token"], answer["refresh_token"])


def form_login(port: int, number: int) -> Pair:
    answer = send(
        port,
        "/api/v1/auth/login",
        urlencode(credentials(number)),
        FORM,
    )
    return Pair(answer["access_token"]["token"], answer["refresh_token"]["token"])


def djoser_login(port: int, number: int) -> Pair:
    answer = send(port, "/auth/jwt/create/", json.dumps(credentials(number)), JSON)
    return Pair(answer["access"], answer["refresh"])


def send(port: int, path: str, body: str, content_type: str, token: str = "") -> dict:
    """Return the response to one POST, which must be a success."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": content_type, "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        raise SystemExit(
            f"POST {path} was answered {answer.status}: {text.decode(errors='replace')[:500]}"
        )
    return json.loads(text)
