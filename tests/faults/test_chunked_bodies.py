"""Chunked bodies, as .NET's PostAsJsonAsync and Spring's RestClient send them."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import ParseException
from gunicorn.http.unreader import IterUnreader
from hypothesis import example, given
from hypothesis import strategies as st

from authsvc.server.chunked_bodies import ChunkedBody
from tests.contracts.endpoints import LOGINS, LOGOUTS, READING, REFRESHES, Endpoint, each
from tests.faults.http_client import FORM
from tests.faults.test_http import SMUGGLED, statuses

JSON = "application/json"
MAX_BODY_BYTES = 64 * 1024


def in_chunks(body: bytes, size: int = 7) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def request(path: str, framing: str, body: bytes, kind: str = JSON, more: str = "") -> bytes:
    label = f"Content-Type: {kind}\r\n" if kind else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{label}{more}{framing}\r\n\r\n".encode() + body
    )


def chunked(path: str, body: bytes, kind: str = JSON, more: str = "") -> bytes:
    return request(path, "Transfer-Encoding: chunked", in_chunks(body), kind, more)


def measured(path: str, body: bytes, kind: str = JSON, more: str = "") -> bytes:
    return request(path, f"Content-Length: {len(body)}", body, kind, more)


def answered(received: bytes) -> tuple[list[int], bytes]:
    """Return status and body, without the headers that differ from request to request."""
    return statuses(received), received.partition(b"\r\n\r\n")[2]


def bodies(endpoint: Endpoint) -> Iterator[tuple[bytes, str]]:
    """Yield an endpoint's body in each form, of a name that is unknown, with its media type."""
    good = {name: text.replace("alice", "nobody") for name, text in endpoint.good.items()}
    if endpoint.json:
        yield json.dumps(good).encode(), JSON
        yield json.dumps(good).encode(), ""
    if endpoint.form:
        yield urlencode(good).encode(), FORM
        fields = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in good.items()
        )
        yield f"{fields}--b--\r\n".encode(), "multipart/form-data; boundary=b"


@each([endpoint for endpoint in (*READING, *LOGOUTS) if endpoint.method == "POST"])
def test_every_post_reads_chunks_as_it_reads_any_body(server, endpoint):
    for body, kind in bodies(endpoint):
        known, read = (
            answered(server.raw(send(endpoint.path, body, kind))) for send in (measured, chunked)
        )
        assert read == known
        assert read[0][0] in (200, 400, 401), read
        assert b"required" not in read[1] or b"Authentication required" in read[1]


def test_alice_signs_in_by_chunks_and_the_connection_goes_on(server, user):
    body = json.dumps({"username": user, "password": "correct horse battery"}).encode()
    received = server.raw(chunked("/api/v1/auth/login", body), then=SMUGGLED)
    assert statuses(received) == [200, 401]


def test_chunks_that_come_one_by_one_are_waited_for(server, user):
    body = urlencode({"username": user, "password": "correct horse battery"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), 15) as connection:
        for byte in chunked("/c/form/api/v1/auth/login", body, FORM):
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_expects_100_continue_gets_one(server, user):
    body = json.dumps({"username": user, "password": "wrong"}).encode()
    for send in (chunked, measured):
        head, _, rest = send("/v1/login", body, more="Expect: 100-continue\r\n").partition(
            b"\r\n\r\n"
        )
        received = server.raw(head + b"\r\n\r\n", then=rest)
        assert statuses(received) == [100, 401]


@pytest.mark.parametrize(
    "path", ["/v1/login", "/api/auth/login", "/api/v1/auth/refresh", "/admin/login/"]
)
def test_too_many_chunks_are_as_too_large_as_any_body(server, path):
    received = server.raw(
        request(path, "Transfer-Encoding: chunked", in_chunks(b" " * (MAX_BODY_BYTES + 1), 4096)),
        then=SMUGGLED,
    )
    assert statuses(received) == ([400] if "admin" in path else [413])


def test_a_body_of_the_largest_size_is_read(server):
    body = b'{"username": "nobody", "password": "wrong"}'.ljust(MAX_BODY_BYTES)
    assert statuses(
        server.raw(request("/v1/login", "Transfer-Encoding: chunked", in_chunks(body, 4096)))
    ) == [401]


MALFORMED = [
    b"zz\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}0\r\n\r\n",
    b"2\r\n{}\r\n-1\r\n\r\n",
    b"\r\n",
    b"2;\r\r\n{}\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("sent", MALFORMED)
def test_malformed_chunks_are_refused_and_nothing_behind_them_is_read(server, sent):
    received = server.raw(
        request("/v1/login", "Transfer-Encoding: chunked", sent + SMUGGLED), then=SMUGGLED
    )
    assert answered(received) == ([400], b'{"message":"Bad request","status":400}')


def test_mostly_framing_is_closed_unread(server):
    sent = request("/v1/login", "Transfer-Encoding: chunked", in_chunks(b" " * 60_000, 1))
    assert statuses(server.raw(sent)) == []
    assert server.call("/healthz").status == 200


def test_pages_and_the_admin_read_chunks_too(server):
    token = "a" * 32
    body, cookie = (
        urlencode({"csrfmiddlewaretoken": token, "identifier": ""}).encode(),
        f"Cookie: authsvc_csrf={token}\r\n",
    )
    assert statuses(server.raw(chunked("/forgot", body, FORM, cookie))) == [
        422
    ]  # the name is missing, and not the token
    assert statuses(server.raw(chunked("/admin/login/", body, FORM, cookie))) == [200]


SIGN_IN = """
from django.test import Client
from accounts.models import User
browser = Client()
browser.force_login(User.objects.get(username="admin"))
print(browser.cookies["authsvc_session"].value)
"""


def test_the_import_page_keeps_its_own_size(server):
    path, cookie = (
        "/admin/accounts/user/import/",
        server.run("shell", "-v", "0", "-c", SIGN_IN).strip(),
    )
    for size, status in (
        (MAX_BODY_BYTES * 4, [403]),
        (6 * 2**20, [302]),
    ):  # 403: a form without its token
        sent = request(
            path,
            "Transfer-Encoding: chunked",
            in_chunks(b" " * size, 65536),
            more=f"Cookie: authsvc_session={cookie}\r\n",
        )
        received = server.raw(sent)
        assert statuses(received) == status
        assert (b"too_large=yes" in received) is (status == [302])
        stranger = server.raw(sent.replace(cookie.encode(), b"a" * 32))
        assert statuses(stranger) == [302]
        assert b"Location: /admin/login/?next=" in stranger


def test_a_file_that_comes_in_pieces_is_read_to_its_end(server):
    cookie = server.run("shell", "-v", "0", "-c", SIGN_IN).strip()
    head = request(
        "/admin/accounts/user/import/",
        "Content-Length: 100000",
        b"",
        FORM,
        f"Cookie: authsvc_session={cookie}\r\n",
    )
    with socket.create_connection(("127.0.0.1", server.port), 15) as connection:
        connection.sendall(head)
        for _ in range(10):
            time.sleep(0.1)
            connection.sendall(b"a" * 10_000)
        assert statuses(connection.recv(65536)) == [403]  # its token is looked for in all of it


@each([LOGINS[0], LOGINS[2], LOGINS[3], REFRESHES[0]])
def test_sync_workers_read_chunks(sync, endpoint):
    for body, kind in bodies(endpoint):
        known, read = (
            answered(sync.raw(send(endpoint.path, body, kind))) for send in (measured, chunked)
        )
        assert (read, read[0]) == (known, [401])


@pytest.mark.parametrize(("path", "status"), [("/healthz", 405), ("/v1/login", 413)])
def test_sync_workers_read_nothing_of_a_length_that_is_too_long_to_be_read(sync, path, status):
    received = sync.raw(request(path, "Content-Length: 9999999999999999", b""))
    assert statuses(received) == [status]
    assert b"\r\nConnection: close\r\n" in received


def test_sync_workers_refuse_what_is_too_large_or_malformed(sync):
    large = request(
        "/v1/login", "Transfer-Encoding: chunked", in_chunks(b" " * (MAX_BODY_BYTES + 1), 4096)
    )
    assert statuses(sync.raw(large)) == [413]
    assert statuses(sync.raw(request("/v1/login", "Transfer-Encoding: chunked", MALFORMED[0]))) == [
        400
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 1000])
@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0;a=b\r\nX: y\r\n\r\n"])
def test_a_body_is_complete_with_its_last_byte_and_not_before(body, end):
    sent = in_chunks(body).removesuffix(b"0\r\n\r\n") + end
    chunks = ChunkedBody()
    assert [
        chunks.is_complete(sent[:length], MAX_BODY_BYTES) for length in range(len(sent) + 1)
    ] == [False] * len(sent) + [True]
    assert (chunks.size, chunks.too_large) == (len(body), False)


class Arrived(IterUnreader):  # type: ignore[misc]
    """The part of a body that has arrived; it notes whether gunicorn asks for more."""

    waited = False

    def chunk(self, size: int | None = None) -> bytes:
        found: bytes = super().chunk(size)
        self.waited = self.waited or not found
        return found


HALF = b"258\r\n" + b"x" * 600 + b"\r\n"
PIECES = [
    b"0",
    b"5",
    b"1f",
    b"\r\n",
    b"\r",
    b"\n",
    b"hello",
    b"0\r\n",
    b"\r\n\r\n",
    b";a=b",
    b"X: y",
    b" ",
    b"-1",
    b"zz",
    HALF[5:],
    HALF,
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
@example(HALF * 3)
def test_no_thread_waits_for_the_rest_of_a_body_that_is_called_complete(sent):
    """However gunicorn reads these bytes, it does not ask for more."""
    chunks, arrived = ChunkedBody(), Arrived([sent])
    if chunks.is_complete(sent, max_bytes=1200):
        body = Body(ChunkedReader(SimpleNamespace(parse_headers=lambda *_, **__: []), arrived))
        with suppress(ParseException):
            assert (len(body.read(1201)) > 1200) is chunks.too_large
        assert not arrived.waited
