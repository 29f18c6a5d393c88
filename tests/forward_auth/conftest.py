"""A proxy that asks, by the WSGI middleware as it is deployed, and Alice's token and key."""

import json
from typing import Any, NamedTuple

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpResponse
from django.test import RequestFactory

from authsvc.forward_auth.wsgi import ForwardAuthMiddleware
from authsvc.server.head_requests import HeadMiddleware
from tests.conftest import PASSWORD


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Asking:
    """Questions of a proxy. Those that are not for forward authentication are answered 418."""

    def __init__(self) -> None:
        asked = ForwardAuthMiddleware(lambda environ, start: elsewhere(start))
        self.application = HeadMiddleware(asked)

    def __call__(self, url: str = "/auth/forward", method: str = "GET", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(RequestFactory().generic(method, url, headers=named).environ)

    def send(self, environ: dict[str, Any]) -> Answer:
        said: list[Any] = []
        request_finished.disconnect(close_old_connections)  # as Django's own client does
        response = self.application(environ, lambda *line: said.extend(line))
        request_finished.connect(close_old_connections)
        body = b"".join(response)
        status, headers = said
        assert len(headers) == len(dict(headers))
        return Answer(int(status.split()[0]), dict(headers), body)


def elsewhere(start: Any) -> Any:
    start("418 I'm a Teapot", [])
    return HttpResponse()


@pytest.fixture
def ask() -> Asking:
    return Asking()


@pytest.fixture
def token(caller, alice):
    body = {"username": "alice", "password": PASSWORD}
    return f"Bearer {caller.json('/api/v1/auth/login', body).json()['access_token']}"


@pytest.fixture
def key(caller, token):
    made = caller.json("/api/v1/auth/keys", {}, Authorization=token)
    return made.json()["apiKey"]
