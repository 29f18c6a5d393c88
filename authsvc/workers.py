"""gunicorn's threads, kept from clients that send slowly."""

import re
import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from authsvc.chunked import CHUNKED, Chunks

PATIENCE = 10.0  # seconds in which a whole request has to arrive
LARGEST = 64 * 1024  # bytes of a body; a longer one is refused by its head, and never read
MOST_PEEKED = 2 * LARGEST
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
WAITS_FOR_US = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
HTTP_1_0 = re.compile(rb"\A[^\r\n]* HTTP/1\.0\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class PatientThreadWorker(ThreadWorker):  # type: ignore[misc]
    """Gives a connection to a thread only when its request has arrived, so that fifty slow clients keep no thread from the others.

    Until then the kernel keeps the bytes, and says with SO_RCVLOWAT when there are more of them than at the last look.
    """

    def init_process(self) -> None:
        self.arriving: dict[Any, float] = {}
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        if self.cfg.is_ssl or _read_ahead(conn):
            super().enqueue_req(conn)
            return
        waiting = _peek(conn.sock)
        chunks = conn.chunks = getattr(conn, "chunks", None) or Chunks()
        if waiting is None or _arrived(waiting, chunks):
            conn.too_long = chunks.too_large or _body_length(waiting or b"") > LARGEST
            conn.chunks = None
            self.arriving.pop(conn, None)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            conn.data_ready = True
            super().enqueue_req(conn)
        elif len(waiting) >= MOST_PEEKED:  # nearly all of it framing: nobody sends a body in thousands of tiny chunks
            self.drop(conn)
        else:
            self.invite(conn, waiting)
            self.arriving.setdefault(conn, time.monotonic() + PATIENCE)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(waiting) + 1)
            self.poller.register(conn.sock, EVENT_READ, partial(self.look_again, conn))

    def invite(self, conn: Any, waiting: bytes) -> None:
        """Answer ``Expect: 100-continue`` here: no thread shall wait for the body that follows (RFC 9110, 10.1.1)."""
        head, end, _ = waiting.partition(b"\r\n\r\n")
        if end and not getattr(conn, "invited", False) and WAITS_FOR_US.search(head) and not HTTP_1_0.search(head):
            conn.invited = True
            with suppress(OSError):
                conn.sock.send(CONTINUE)

    def handle_request(self, req: Any, conn: Any) -> Any:
        req._expected_100_continue = req._expected_100_continue and not getattr(conn, "invited", False)
        conn.invited = False
        return super().handle_request(req, conn)

    def look_again(self, conn: Any, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Wait for no rest of a body that nobody wants."""
        return not conn.too_long and bool(super()._keepalive_after(conn, keepalive))

    def murder_pending(self) -> None:
        """Also closes what has not arrived in time; and, when stopping, at once."""
        super().murder_pending()
        for conn, deadline in list(self.arriving.items()):
            if time.monotonic() > deadline or not self.alive:
                self.poller.unregister(conn.sock)
                self.drop(conn)

    def drop(self, conn: Any) -> None:
        """Close a connection that is not registered with the poller, unanswered."""
        self.arriving.pop(conn, None)
        self.nr_conns -= 1
        conn.close()


def _read_ahead(conn: Any) -> bool:
    """Whether gunicorn has bytes of the next request already, sent behind the last."""
    return bool(conn.initialized and conn.parser.unreader.buf.getvalue())


def _peek(sock: socket.socket) -> bytes | None:
    """What has arrived so far; None if no more will."""
    try:
        return sock.recv(MOST_PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def _arrived(waiting: bytes, chunks: Chunks) -> bool:
    """Whether this is a whole request, or all of one that will be looked at."""
    head, end, body = waiting.partition(b"\r\n\r\n")
    if not end:
        return len(waiting) >= LARGEST  # which gunicorn refuses
    if CHUNKED.search(head):
        return chunks.complete(body, LARGEST)
    length = _body_length(waiting)
    return length > LARGEST or len(body) >= length


def _body_length(waiting: bytes) -> int:
    found = LENGTH.search(waiting.partition(b"\r\n\r\n")[0] + b"\r\n")
    return int(found[1]) if found else 0
