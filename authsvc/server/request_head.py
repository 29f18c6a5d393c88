"""Answers about the first bytes of an HTTP/1.1 request, before gunicorn parses it."""

import re

from authsvc.paths import FORWARD_AUTH
from authsvc.server.chunked_bodies import CHUNKED, ChunkedBody
from authsvc.server.connections import MAX_BUFFERED_BYTES

LENGTH = re.compile(rb"\r\ncontent-length([ \t]*:[^\r]*)", re.IGNORECASE)
SMALL_NUMBER = re.compile(rb":[ \t]*0*([0-9]{1,9})[ \t]*")
EXPECT_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
HTTP_1_0 = re.compile(rb"\A[^\r\n]* HTTP/1\.0\r\n")
# Nobody reads the body of these, and some proxies announce one and send none.
WITHOUT_BODY = re.compile(rb"\A[^ \r\n]+ /+%b[/? ]" % FORWARD_AUTH[1:].encode())
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def is_too_large(received: bytes) -> bool:
    """Return whether the head alone is larger than the buffer for a request."""
    return len(received.partition(b"\r\n\r\n")[0]) >= MAX_BUFFERED_BYTES


def is_complete(received: bytes, chunks: ChunkedBody) -> bool:
    """Return whether this is a whole request, or as much of it as anybody will read."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end or len(head) >= MAX_BUFFERED_BYTES:
        return False
    if WITHOUT_BODY.match(head):
        return True
    if CHUNKED.search(head):
        return chunks.is_complete(body, MAX_BUFFERED_BYTES)
    length = body_length(received)
    return length > MAX_BUFFERED_BYTES or len(body) >= length


def is_followed_by_a_body(received: bytes) -> bool:
    """Return whether bytes may still arrive that are no request, after one that is complete."""
    head, _, body = received.partition(b"\r\n\r\n")
    return bool(WITHOUT_BODY.match(head)) and (
        bool(CHUNKED.search(head)) or body_length(received) > len(body)
    )


def missing_bytes(received: bytes) -> int:
    """Return how many bytes must arrive at least until the request is complete."""
    _, end, body = received.partition(b"\r\n\r\n")
    return max(1, body_length(received) - len(body)) if end else 1


def expects_continue(received: bytes) -> bool:
    """Return whether the client waits for ``CONTINUE`` before it sends the body."""
    head, end, _ = received.partition(b"\r\n\r\n")
    return bool(end and EXPECT_CONTINUE.search(head) and not HTTP_1_0.search(head))


def body_length(received: bytes) -> int:
    """Return the length of the body in bytes, as the head states it.

    A length that is not a single small number counts as too large. gunicorn may read or refuse
    it: the request goes to a thread at once, which waits for no body, and the connection closes.
    """
    stated = LENGTH.findall(received.partition(b"\r\n\r\n")[0])
    if not stated:
        return 0
    found = SMALL_NUMBER.fullmatch(stated[0]) if len(stated) == 1 else None
    return int(found[1]) if found else MAX_BUFFERED_BYTES + 1
