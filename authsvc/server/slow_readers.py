"""A gunicorn worker whose event loop, not its threads, waits for clients to read their answers."""

import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.workers.gthread import ThreadWorker

from authsvc.server.connections import CLIENT_TIMEOUT, MAX_BUFFERED_BYTES, Connection

LINGER_SECONDS = 2.0  # without a byte, in which a client reads its last answer; then it is closed
MAX_LINGER_SECONDS = 60.0
# A browser reads the answer only after it has sent its whole file.
MAX_DRAINED_BYTES = 8 * 1024 * 1024


class SlowReadersWorker(ThreadWorker):  # type: ignore[misc]
    """Takes a connection from its thread when the answer is made, and sends the rest itself.

    A connection that is to be closed is closed when the client has read the answer (RFC 9112, 9.6).
    """

    def init_process(self) -> None:
        # Both map a connection to its deadline in seconds of time.monotonic(), earliest first.
        self.unread: dict[Connection, float] = {}
        self.leaving: dict[Connection, float] = {}
        super().init_process()

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Close after malformed chunks that the application did not read: no second answer."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except (ParseException, NoMoreData):
            return False

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Send what the client has not taken yet, then finish as gunicorn does."""
        if self.cfg.is_ssl or not conn.sock.unsent:
            self.finish(conn, fs)
            return
        conn.active_at = time.monotonic()
        self.unread[conn] = conn.active_at + CLIENT_TIMEOUT
        self.poller.register(conn.sock, EVENT_WRITE, partial(self.send_more, conn, fs))

    def send_more(self, conn: Connection, fs: Any, sock: Any) -> None:
        try:
            sent = sock.flush()
        except OSError:
            sock.unsent.clear()
        else:
            if sock.unsent and not sent:
                return
        del self.unread[conn]
        self.poller.unregister(sock)
        self.finish_request(conn, fs)

    def finish(self, conn: Any, fs: Any) -> None:
        """Keep the connection as gunicorn does, or let it linger; gunicorn would block for that."""
        if self.cfg.is_ssl or fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1
            self.linger(conn)

    def linger(self, conn: Connection) -> None:
        """End the answer, and close when the client has read it."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self.nr_conns += 1
        conn.active_at = time.monotonic()
        self.leaving[conn] = conn.active_at + LINGER_SECONDS
        self.poller.register(conn.sock, EVENT_READ, partial(self.drain, conn))

    def drain(self, conn: Connection, sock: socket.socket) -> None:
        try:
            more = len(sock.recv(MAX_BUFFERED_BYTES, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return
        except OSError:
            more = 0
        conn.drained += more
        if not more or conn.drained > MAX_DRAINED_BYTES or conn.is_stalled(MAX_LINGER_SECONDS):
            self.drop(conn)
        elif self.alive:
            del self.leaving[conn]
            self.leaving[conn] = time.monotonic() + LINGER_SECONDS

    def drop(self, conn: Connection) -> None:
        """Close a connection that no thread has."""
        for held in (self.unread, self.leaving):
            held.pop(conn, None)
        for queue in (self.keepalived_conns, self.pending_conns):
            if conn in queue:
                queue.remove(conn)
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
