"""Forward requests with a body that is announced, which some proxies never send."""

import pytest

from authsvc.server import request_head
from authsvc.server.chunked_bodies import ChunkedBody
from tests.faults.test_http import SMUGGLED, statuses

HEAD = b"POST /auth/forward%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n"
LENGTH, CHUNKED = b"Content-Length: 100", b"Transfer-Encoding: chunked"


@pytest.mark.parametrize("below", [b"", b"/orders/7", b"?role=user"])
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED, b"Content-Length: 99999999999"])
def test_a_body_that_does_not_come_is_not_waited_for(server, below, framing):
    received = server.raw(HEAD % (below, framing))
    assert statuses(received) == [401]
    assert b"\r\nConnection: close\r\n" in received


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
def test_bytes_in_place_of_the_body_are_no_request(server, framing):
    assert statuses(server.raw(HEAD % (b"", framing) + SMUGGLED)) == [401]
    assert statuses(server.raw(HEAD % (b"", framing), then=SMUGGLED)) == [401]


def test_a_body_that_has_come_leaves_the_connection_open(server):
    length = b"Content-Length: %d" % len(SMUGGLED)
    received = server.raw(HEAD % (b"", length) + SMUGGLED, then=HEAD % (b"/x", b"X: y"))
    assert statuses(received) == [401, 401]


@pytest.mark.parametrize("path", [b"/auth/forwards", b"/healthz?/auth/forward", b"/x/auth/forward"])
def test_other_paths_wait_for_their_body(path):
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n" % (path, LENGTH)
    assert not request_head.is_complete(head, ChunkedBody())
    assert request_head.is_complete(head + b"x" * 100, ChunkedBody())


@pytest.mark.parametrize("method", [b"HEAD", b"PROPFIND", b"BREW", b"OPTIONS"])
def test_any_method_leaves_the_connection_open(server, method):
    line = b"%s /auth/forward/orders HTTP/1.1\r\nHost: localhost\r\n\r\n" % method
    received = server.raw(line, then=line)
    assert statuses(received) == [401, 401]
    assert received.count(b"Authentication required") == (0 if method == b"HEAD" else 2)
