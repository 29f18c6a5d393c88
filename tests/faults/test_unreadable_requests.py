"""Requests that gunicorn cannot read: both kinds of workers refuse them in JSON."""

import json
import re
from email.parser import BytesHeaderParser

import pytest

HOST = b"Host: localhost\r\n"
UNREAD = {
    "a long URL": (414, b"GET /v1/" + b"a" * 5_000 + b" HTTP/1.1\r\n" + HOST),
    "a large header": (
        431,
        b"GET /v1/login HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 10_000 + b"\r\n",
    ),
    "many headers": (431, b"GET /v1/login HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 200),
    "a name with a space": (
        400,
        b"GET /v1/login HTTP/1.1\r\n" + HOST + b"X : secret-in-the-header\r\n",
    ),
    "no HTTP": (400, b"GET /v1/login?token=secret-in-the-path\r\n"),
    "two lengths": (
        400,
        b"POST /v1/login HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 1\r\n",
    ),
    "an unknown encoding": (
        501,
        b"POST /v1/login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: packed\r\n",
    ),
}


@pytest.fixture(params=["running", "sync"])
def either(request):
    """Return a server with threads, and one with sync workers."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(("status", "sent"), UNREAD.values(), ids=UNREAD)
def test_an_unreadable_request_is_refused_in_json(either, status, sent):
    headers, body = answered(
        either.raw(sent + b"\r\n", then=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), status
    )
    said = json.loads(body)  # the one answer, and nothing behind it
    assert (said["detail"], said["error"], said["message"], said["status"]) == (
        said["detail"],
    ) * 3 + (status,)
    assert (headers["Connection"], headers["Cache-Control"], headers["Content-Type"]) == (
        "close",
        "no-store",
        "application/json",
    )
    assert (int(headers["Content-Length"]), b"secret" in body) == (len(body), False)
    assert re.search(
        rf"\[{headers['X-Request-ID']}\] refused unread with {status}: ", either.log.read_text()
    )


def test_a_head_without_end_is_refused_in_json(server):
    """The event loop refuses it, since no thread gets it."""
    headers, body = answered(server.raw(b"GET /v1/login HTTP/1.1\r\nX: " + b"a" * 70_000), 431)
    assert json.loads(body)["status"] == 431
    assert (headers["Connection"], len(headers["X-Request-ID"])) == ("close", 16)


def answered(received: bytes, status: int):
    head, _, body = received.partition(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    assert line.startswith(b"HTTP/1.1 %d " % status), received
    return BytesHeaderParser().parsebytes(fields), body
