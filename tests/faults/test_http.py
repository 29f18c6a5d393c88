"""Requests that no honest client sends."""

import re
import socket
import time
from contextlib import ExitStack

import pytest

from tests.faults.http_client import PASSWORD

BODY = b'{"username": "nobody", "password": "wrong"}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
HOST = b"Host: localhost\r\nContent-Type: application/json\r\n"


def post(headers: bytes, body: bytes = b"", path: bytes = b"/v1/login") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n\r\n" + body


def statuses(received: bytes) -> list[int]:
    """Return the status of every response on the connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


SMUGGLED = b"GET /api/auth/validate HTTP/1.1\r\nHost: localhost\r\n\r\n"
AMBIGUOUS = {
    "both, length first": post(
        b"Content-Length: 4\r\nTransfer-Encoding: chunked", CHUNKED + SMUGGLED
    ),
    "both, chunked first": post(
        b"Transfer-Encoding: chunked\r\nContent-Length: 4", CHUNKED + SMUGGLED
    ),
    "both, length 0": post(b"Content-Length: 0\r\nTransfer-Encoding: chunked", CHUNKED + SMUGGLED),
    "chunked is not last": post(b"Transfer-Encoding: chunked, identity", CHUNKED + SMUGGLED),
    "chunked twice": post(
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKED + SMUGGLED
    ),
    "unknown encoding": post(b"Transfer-Encoding: xchunked", CHUNKED + SMUGGLED),
    "hidden encoding": post(b"Transfer-Encoding:\x0bchunked", CHUNKED + SMUGGLED),
    "two lengths": post(b"Content-Length: 4\r\nContent-Length: 5", BODY[:4] + SMUGGLED),
    "a list of lengths": post(b"Content-Length: 4, 4", BODY[:4] + SMUGGLED),
    "negative length": post(b"Content-Length: -1", BODY),
    "signed length": post(b"Content-Length: +4", BODY[:4] + SMUGGLED),
    "no number": post(b"Content-Length: abc", BODY),
    "hexadecimal length": post(b"Content-Length: 0x4", BODY[:4] + SMUGGLED),
    "5,000 digits": post(b"Content-Length: " + b"9" * 5_000, BODY),
    "bad chunk size": post(b"Transfer-Encoding: chunked", b"zz\r\n" + BODY),
    "negative chunk size": post(b"Transfer-Encoding: chunked", b"-5\r\n" + BODY),
    "space before the colon": post(b"Content-Length : 4", BODY[:4] + SMUGGLED),
    "folded header": post(b"X: a\r\n Content-Length: 4", BODY[:4]),
    "NUL in a header": post(b"X: a\0b\r\nContent-Length: 4", BODY[:4]),
    "no header name": post(b": a\r\nContent-Length: 4", BODY[:4]),
    "1,000 headers": post(b"\r\n".join(b"X-%d: a" % count for count in range(1_000))),
    "a huge header": post(b"X: " + b"a" * 100_000),
    "a huge path": post(b"Content-Length: 0", path=b"/v1/" + b"a" * 100_000),
    "no path": post(b"Content-Length: 0", path=b""),
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500 + b"\r\n\r\n",
    "HTTP/9": b"GET /v1/login HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "no HTTP": b"GET /v1/login\r\n\r\n",
}


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_the_connection_closed(server, sent):
    """The bytes after it are not read as a second request."""
    received = server.raw(sent)
    assert len(statuses(received)) <= 1
    assert all(
        400 <= status < 500 or status == 501 for status in statuses(received)
    )  # 501: RFC 9112, 6.1


def test_a_body_that_is_refused_unread_is_not_left_for_the_next_request(server):
    received = server.raw(
        post(b"Content-Length: %d" % len(SMUGGLED), SMUGGLED, b"/v1/nothing"), then=SMUGGLED
    )
    assert statuses(received) in ([404], [404, 401])


def test_a_body_that_ends_early_is_nobody_s_login(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(post(b"Content-Length: 1000", BODY))
    assert server.call("/healthz").status == 200


def test_a_huge_body_is_refused_with_the_error_body_of_the_contract(server):
    answer = server.raw(post(b"Content-Length: 99999999999", BODY))
    assert statuses(answer) == [413]
    assert b'"status":413}' in answer
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(post(b"Content-Length: 1000000"))
        assert b" 413 " in connection.recv(4096)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/me",
        "/api/auth/validate",
        "/v1/nothing",
        "/v1/login",
        "/healthz",
        "/readyz",
        "/auth/forward",
        "/docs",
        "/docs/camel",
        "/openapi.json",
        "/forgot",
        "/nothing",
        "/admin/login/",
        "/static/admin/css/base.css",
        "/.well-known/jwks.json",
    ],
)
def test_head_has_no_body_and_leaves_the_connection_in_order(server, path):
    ok = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    received = server.raw(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), then=ok)
    assert (received.count(b"\r\n\r\n"), received.count(b'{"status": "ok"}')) == (2, 1)
    assert statuses(received)[1] == 200
    assert int(received.partition(b"Content-Length: ")[2].partition(b"\r")[0]) > 0
    assert "body bytes" not in server.log.read_text()


@pytest.mark.parametrize(
    "path",
    [
        "/%0a",
        "/%00",
        "/%ff",
        "/\x7f",
        "//",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/login%0d%0aX:%20y",
        "/'\"<script>",
    ],
)
def test_strange_paths(server, path):
    for mount, word in (
        ("/v1", b'"message"'),
        ("/api/auth", b'"success"'),
        ("/api/v1/auth", b'"detail"'),
        ("/c/camel/api/v1/auth", b'"error"'),
    ):
        received = server.raw(
            f"GET {mount}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(
                "latin-1"
            )
        )
        assert statuses(received) in ([400], [404])
        assert statuses(received) == [400] or word in received.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "path",
    [
        "/api/auth/validate",
        "/v1/login",
        "/c/camel/api/v1/auth/keys",
        "/healthz",
        "/forgot",
        "/nothing",
    ],
)
def test_a_path_that_begins_with_two_slashes_is_read_with_one(server, path):
    """A base URL that ends in a slash causes such paths; they never name another host."""
    one, two = (
        server.raw(
            f"GET {slash}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        for slash in ("", "/")
    )
    assert statuses(two) == statuses(one)
    assert two.partition(b"\r\n\r\n")[2][:60] == one.partition(b"\r\n\r\n")[2][:60]
    admin = server.raw(b"GET //admin/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"Location: /admin/login/?next=/admin/\r\n" in admin


HALVES = {
    "nothing": b"",
    "half a line": b"GET /v1/lo",
    "half the headers": b"GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\nX-Slow: a",
    "half a body": post(b"Content-Length: 1000", BODY),
    "half a body that waits for us": post(b"Expect: 100-continue\r\nContent-Length: 1000", BODY),
    "half a chunk": post(b"Transfer-Encoding: chunked", CHUNKED[:20]),
    "half the size of a chunk": post(b"Transfer-Encoding: chunked", b"f"),
    "no last chunk": post(b"Transfer-Encoding: chunked", CHUNKED.removesuffix(b"0\r\n\r\n")),
    "half a trailer": post(b"Transfer-Encoding: chunked", CHUNKED.removesuffix(b"\r\n") + b"X: y"),
}


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_fifty_clients_that_never_finish_keep_nobody_out(server, user, sent):
    with ExitStack() as open_connections:
        for _ in range(50):
            connection = open_connections.enter_context(
                socket.create_connection(("127.0.0.1", server.port))
            )
            connection.sendall(sent)
        time.sleep(0.3)
        begun = time.monotonic()
        answers = [server.call("/healthz", timeout=12).status for _ in range(3)]
        answers.append(
            server.call(
                "/api/auth/login", {"username": user, "password": PASSWORD}, timeout=12
            ).status
        )
        assert answers == [200] * 4
        assert time.monotonic() - begun < 12


def test_clients_that_drip_keep_nobody_out(server, user):
    """Send one byte each second until the server closes the connection."""
    with ExitStack() as open_connections:
        slow = [
            open_connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(20)
        ]
        for count in range(4):
            for connection in slow:
                connection.sendall(
                    b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\nX-Slow: "[count : count + 1]
                )
            time.sleep(0.2)
            assert server.call("/healthz", timeout=12).status == 200
