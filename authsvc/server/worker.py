"""gunicorn's threaded worker, protected from clients that send slowly or hold many connections.

It uses private names of gunicorn's gthread worker; tests/core/test_private_names.py lists them.
"""

import errno
import socket
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from django.conf import settings

from authsvc.server import request_head
from authsvc.server.connections import (
    CLIENT_TIMEOUT,
    MAX_BUFFERED_BYTES,
    MAX_PEEKED_BYTES,
    Connection,
)
from authsvc.server.open_files import connections_allowed
from authsvc.server.slow_readers import SlowReadersWorker
from authsvc.server.unreadable_requests import error_response

STALL_SECONDS = 2.0  # without a byte, after which a connection is the first to be closed
MAX_WAKEUPS = 8  # for a request that arrives piece by piece; then every POLL_SECONDS
POLL_SECONDS = 0.1
MAX_POLLED_CONNECTIONS = 100  # at once: each poll copies all bytes that have arrived
MAX_ACCEPTED_AT_ONCE = 16
MAX_NETWORK_SHARE = 8  # one network may hold 1/8 of the connections when there are too many
MAX_UNREAD_BYTES = 32 * 1024 * 1024  # of answers that all clients together have not taken
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class PatientThreadWorker(SlowReadersWorker):
    """Gives a connection to a thread when its whole request has arrived.

    Until then the kernel keeps the bytes, and SO_RCVLOWAT tells when there are more of them than at
    the last look. With too many connections, the least useful one is closed; never one whose
    request has arrived or is being answered.
    """

    def init_process(self) -> None:
        self.arriving: dict[Connection, float] = {}  # to their deadlines, earliest first
        self.polled: list[Connection] = []
        self.next_poll = 0.0
        self.worker_connections: int = connections_allowed(self.cfg.worker_connections)
        super().init_process()

    # Accepting and reading

    def accept(self, listener: Any) -> None:
        for _ in range(MAX_ACCEPTED_AT_ONCE):
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self.lower_limit(error)
                elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                    raise
                return
            self.nr_conns += 1
            self.enqueue_req(Connection(self.cfg, sock, client, listener.getsockname()))

    def lower_limit(self, error: OSError) -> None:
        """Hold fewer connections from now on: the process may open no more files."""
        held = min(self.nr_conns, self.worker_connections)
        limit = max(self.cfg.threads + 1, held - MAX_ACCEPTED_AT_ONCE)
        if limit >= self.worker_connections:
            time.sleep(POLL_SECONDS)
            return
        self.worker_connections = limit
        self.log.warning(
            "%s: holding %d connections at most; the limit is set with ulimit -n",
            error.strerror,
            limit,
        )

    def enqueue_req(self, conn: Any) -> None:
        """Give a thread a connection whose request has arrived; wait for more of it otherwise."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
            return
        received = conn.received()
        if request_head.is_complete(received, conn.chunks):
            self.hand_over(conn, received)
        elif conn.is_ended() or len(received) >= MAX_PEEKED_BYTES:
            # So many bytes without an end are framing: nobody sends thousands of tiny chunks.
            self.drop(conn)
        elif request_head.is_too_large(received):
            self.refuse(conn)
        else:
            self.wait_for_more(conn, received)

    def hand_over(self, conn: Connection, received: bytes) -> None:
        """Let a thread answer the request, all of which has arrived."""
        self.arriving.pop(conn, None)
        too_long = request_head.body_length(received) > MAX_BUFFERED_BYTES
        unread = too_long or request_head.is_followed_by_a_body(received)
        conn.too_long = conn.chunks.too_large or unread
        conn.wake_after(1)
        conn.reset()
        conn.data_ready = True
        conn.sock.read_until = time.monotonic() + CLIENT_TIMEOUT
        super().enqueue_req(conn)

    def wait_for_more(self, conn: Connection, received: bytes) -> None:
        self.arriving.setdefault(conn, time.monotonic() + CLIENT_TIMEOUT)
        self.invite(conn, received)
        conn.wakeups += 1
        if conn.wakeups > MAX_WAKEUPS:
            self.polled.append(conn)
        else:
            conn.wake_after(conn.in_kernel + request_head.missing_bytes(received))
            self.poller.register(conn.sock, EVENT_READ, partial(self.look_again, conn))

    def invite(self, conn: Connection, received: bytes) -> None:
        """Answer ``Expect: 100-continue`` (RFC 9110, 10.1.1): no thread waits for the body."""
        if not conn.invited and request_head.expects_continue(received):
            conn.invited = True
            with suppress(OSError):
                conn.sock.sendall(request_head.CONTINUE)

    def look_again(self, conn: Any, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    def refuse(self, conn: Connection) -> None:
        """Answer 431 to a head that is too large for any thread to read."""
        self.arriving.pop(conn, None)
        self.nr_conns -= 1
        with suppress(OSError):
            conn.sock.sendall(error_response(431))
        self.linger(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        req._expected_100_continue = req._expected_100_continue and not conn.invited
        conn.invited = False
        if conn.too_long:  # the rest of the body is not read
            req.force_close()
        return super().handle_request(req, conn)

    # Closing

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Dispatch all events of this turn, then close connections: none of them has an event."""
        super().wait_for_and_dispatch_events(min(timeout, POLL_SECONDS) if self.polled else timeout)
        if self.polled and time.monotonic() >= self.next_poll:
            self.next_poll = time.monotonic() + POLL_SECONDS
            due = self.polled[:MAX_POLLED_CONNECTIONS]
            self.polled = self.polled[MAX_POLLED_CONNECTIONS:]
            for conn in due:
                self.enqueue_req(conn)
        self.close_excess()

    def close_excess(self) -> None:
        while self.nr_conns >= self.worker_connections and (conn := self.dispensable()):
            self.drop(conn)
        while self.unread and sum(len(conn.sock.unsent) for conn in self.unread) > MAX_UNREAD_BYTES:
            self.drop(next(iter(self.unread)))

    def dispensable(self) -> Connection | None:
        """Return the least useful connection; of the network with too many, if there is one."""
        stalled = [c for c in (*self.arriving, *self.unread) if c.is_stalled(STALL_SECONDS)]
        waiting = [
            *self.leaving,
            *stalled,
            *self.keepalived_conns,
            *self.pending_conns,
            *self.arriving,
        ]
        if not getattr(settings, "TRUSTED_PROXIES", 0):  # behind a proxy all have its address
            waiting = self.of_greedy_network(waiting)
        return next((conn for conn in waiting if not self.has_request(conn)), None)

    def of_greedy_network(self, waiting: list[Connection]) -> list[Connection]:
        """Return the connections of the network that holds too many; all of them without one."""
        networks = Counter(conn.network for conn in {*waiting} if conn.network)
        for network, held in networks.most_common(1):
            if held > self.worker_connections // MAX_NETWORK_SHARE:
                return [conn for conn in waiting if conn.network == network]
        return waiting

    def has_request(self, conn: Connection) -> bool:
        """Return whether a request has arrived that no event has told of yet."""
        if self.cfg.is_ssl or conn in self.leaving or conn in self.unread:
            return False
        received = conn.received()
        if conn in self.arriving:
            return request_head.is_complete(received, conn.chunks)
        return bool(received)

    def drop(self, conn: Connection) -> None:
        self.arriving.pop(conn, None)
        if conn in self.polled:
            self.polled.remove(conn)
        super().drop(conn)

    def murder_pending(self) -> None:
        """Close connections after their deadlines; when stopping, also unfinished requests."""
        super().murder_pending()
        for held in (self.arriving, self.unread, self.leaving):
            while held and (
                time.monotonic() > next(iter(held.values()))
                or (held is self.arriving and not self.alive)
            ):
                self.drop(next(iter(held)))
