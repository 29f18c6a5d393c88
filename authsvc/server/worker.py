"""gunicorn's threads, kept from clients that send slowly, read slowly or hold many connections.

This rests on names of gunicorn's gthread worker that it does not call public: tests/faults/test_slow_clients.py uses all of them.
"""

import errno
import re
import resource
import socket
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from django.conf import settings
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.workers.gthread import ThreadWorker

from authsvc.server.chunked_bodies import CHUNKED, Chunks
from authsvc.server.connections import LARGEST, MOST_PEEKED, PATIENCE, Connection
from authsvc.server.unreadable_requests import refusal

LINGER = 2.0  # seconds without a byte, in which a client reads the last answer, before its connection is closed
LONGEST_LINGER = 60.0
MOST_DRAINED = (
    8 * 1024 * 1024
)  # bytes: a browser reads the answer only after it has sent its whole file
STALL = (
    2.0  # seconds without a byte, after which a connection is the first to go when room is short
)
LOOKS = 8  # at a request that arrives piece by piece; from then on only every TICK seconds
TICK = 0.1
LOOKED_AT_ONCE = 100  # of those, in each TICK: a look copies all that has arrived
ACCEPTED_AT_ONCE = 16
RESERVED = 128  # file descriptors for databases, Redis, logs and static files
SHARE = 8  # when room is short, nobody may hold more than an eighth of it
UNREAD = 32 * 1024 * 1024  # bytes of answers that all clients together have not taken
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
LENGTH = re.compile(rb"\r\ncontent-length([ \t]*:[^\r]*)", re.IGNORECASE)
SMALL_NUMBER = re.compile(rb":[ \t]*0*([0-9]{1,9})[ \t]*")
WAITS_FOR_US = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
HTTP_1_0 = re.compile(rb"\A[^\r\n]* HTTP/1\.0\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class PatientThreadWorker(ThreadWorker):  # type: ignore[misc]
    """Gives a connection to a thread only when its whole request has arrived, and takes it back when it is answered.

    Until then the kernel keeps the bytes, and says with SO_RCVLOWAT when there are more of them than at the last look. When
    room runs out, the connection that is missed least is closed: never one whose request has arrived or is being answered.
    """

    def init_process(self) -> None:
        self.arriving: dict[
            Connection, float
        ] = {}  # these three: until when, the first to end first
        self.unread: dict[Connection, float] = {}
        self.leaving: dict[Connection, float] = {}
        self.resting: list[Connection] = []
        self.next_look = 0.0
        self.worker_connections: int = connections_allowed(self.cfg.worker_connections)
        super().init_process()

    # What comes

    def accept(self, listener: Any) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self.manage_with_less(error)
                elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                    raise
                return
            self.nr_conns += 1
            self.enqueue_req(Connection(self.cfg, sock, client, listener.getsockname()))

    def manage_with_less(self, error: OSError) -> None:
        """Hold fewer connections from now on: the process may open no more files."""
        room = max(
            self.cfg.threads + 1, min(self.nr_conns, self.worker_connections) - ACCEPTED_AT_ONCE
        )
        if room < self.worker_connections:
            self.worker_connections = room
            self.log.warning(
                "%s: holding %d connections at most; the limit is set with ulimit -n",
                error.strerror,
                room,
            )
        else:
            time.sleep(TICK)

    def enqueue_req(self, conn: Any) -> None:
        """Give the connection to a thread if its request has arrived, and wait for more of it otherwise."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
            return
        received = conn.received()
        if _arrived(received, conn.chunks):
            self.hand_over(conn, received)
        elif (
            conn.ended() or len(received) >= MOST_PEEKED
        ):  # nearly all of it framing: nobody sends a body in thousands of tiny chunks
            self.drop(conn)
        elif _head_too_large(received):
            self.refuse(conn)
        else:
            self.wait_for_more(conn, received)

    def hand_over(self, conn: Connection, received: bytes) -> None:
        """Let a thread answer the request, all of which is here."""
        self.arriving.pop(conn, None)
        conn.too_long = conn.chunks.too_large or _body_length(received) > LARGEST
        conn.wake_after(1)
        conn.begin_again()
        conn.data_ready = True
        conn.sock.read_until = time.monotonic() + PATIENCE
        super().enqueue_req(conn)

    def wait_for_more(self, conn: Connection, received: bytes) -> None:
        self.arriving.setdefault(conn, time.monotonic() + PATIENCE)
        self.invite(conn, received)
        conn.looks += 1
        if conn.looks > LOOKS:
            self.resting.append(conn)
        else:
            conn.wake_after(conn.in_kernel + _missing(received))
            self.poller.register(conn.sock, EVENT_READ, partial(self.look_again, conn))

    def invite(self, conn: Connection, received: bytes) -> None:
        """Answer ``Expect: 100-continue`` here: no thread shall wait for the body that follows (RFC 9110, 10.1.1)."""
        head, end, _ = received.partition(b"\r\n\r\n")
        if end and not conn.invited and WAITS_FOR_US.search(head) and not HTTP_1_0.search(head):
            conn.invited = True
            with suppress(OSError):
                conn.sock.sendall(CONTINUE)

    def look_again(self, conn: Any, sock: socket.socket) -> None:
        self.poller.unregister(sock)
        self.enqueue_req(conn)

    def refuse(self, conn: Connection) -> None:
        """Answer a head that no thread will read to its end."""
        self.arriving.pop(conn, None)
        self.nr_conns -= 1
        with suppress(OSError):
            conn.sock.sendall(refusal(431))
        self.linger(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        req._expected_100_continue = req._expected_100_continue and not conn.invited
        conn.invited = False
        if conn.too_long:  # nobody waits for the rest of a body that nobody wants
            req.force_close()
        return super().handle_request(req, conn)

    # What goes

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Close behind malformed chunks that the application did not read: they get no second answer."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except (ParseException, NoMoreData):
            return False

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Send the rest of an answer from here, since its client takes it slowly; then do what gunicorn does."""
        if self.cfg.is_ssl or not conn.sock.unsent:
            self.finish(conn, fs)
            return
        conn.active_at = time.monotonic()
        self.unread[conn] = conn.active_at + PATIENCE
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
        """As gunicorn does; but a connection that is to be closed is waited for by the event loop, which gunicorn would stop for it."""
        if self.cfg.is_ssl or fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1
            self.linger(conn)

    def linger(self, conn: Connection) -> None:
        """End the answer, and close when the client has read it (RFC 9112, 9.6)."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self.nr_conns += 1
        conn.active_at = time.monotonic()
        self.leaving[conn] = conn.active_at + LINGER
        self.poller.register(conn.sock, EVENT_READ, partial(self.drain, conn))

    def drain(self, conn: Connection, sock: socket.socket) -> None:
        try:
            more = len(sock.recv(LARGEST, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return
        except OSError:
            more = 0
        conn.drained += more
        if not more or conn.drained > MOST_DRAINED or conn.stalled(LONGEST_LINGER):
            self.drop(conn)
        elif self.alive:
            del self.leaving[conn]
            self.leaving[conn] = time.monotonic() + LINGER

    # Room

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Closes only what no event of this turn is still to be told about."""
        super().wait_for_and_dispatch_events(min(timeout, TICK) if self.resting else timeout)
        if self.resting and time.monotonic() >= self.next_look:
            self.next_look = time.monotonic() + TICK
            rested, self.resting = self.resting[:LOOKED_AT_ONCE], self.resting[LOOKED_AT_ONCE:]
            for conn in rested:
                self.enqueue_req(conn)
        self.make_room()

    def make_room(self) -> None:
        while self.nr_conns >= self.worker_connections and (conn := self.dispensable()):
            self.drop(conn)
        while self.unread and sum(len(conn.sock.unsent) for conn in self.unread) > UNREAD:
            self.drop(next(iter(self.unread)))

    def dispensable(self) -> Connection | None:
        """The connection that is missed least: of whoever holds too many of them, or else of all."""
        stalled = [conn for conn in (*self.arriving, *self.unread) if conn.stalled(STALL)]
        waiting = [
            *self.leaving,
            *stalled,
            *self.keepalived_conns,
            *self.pending_conns,
            *self.arriving,
        ]
        if not getattr(settings, "TRUSTED_PROXIES", 0):  # behind a proxy all have its address
            networks = Counter(conn.network for conn in {*waiting} if conn.network)
            for crowd, held in networks.most_common(1):
                if held > self.worker_connections // SHARE:
                    waiting = [conn for conn in waiting if conn.network == crowd]
        return next((conn for conn in waiting if not self.is_asking(conn)), None)

    def is_asking(self, conn: Connection) -> bool:
        """Return whether a request has arrived that no event has told of yet."""
        if self.cfg.is_ssl or conn in self.leaving or conn in self.unread:
            return False
        received = conn.received()
        return _arrived(received, conn.chunks) if conn in self.arriving else bool(received)

    def drop(self, conn: Connection) -> None:
        """Close a connection that no thread has."""
        for held in (self.arriving, self.unread, self.leaving):
            held.pop(conn, None)
        for queue in (self.keepalived_conns, self.pending_conns, self.resting):
            if conn in queue:
                queue.remove(conn)
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Also closes what has not arrived, or was not read, in time; and, when stopping, what has not arrived."""
        super().murder_pending()
        for held in (self.arriving, self.unread, self.leaving):
            while held and (
                time.monotonic() > next(iter(held.values()))
                or (held is self.arriving and not self.alive)
            ):
                self.drop(next(iter(held)))


def connections_allowed(wanted: int) -> int:
    """Raise this process's limit of open files; return how many of ``wanted`` connections it may hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - RESERVED, allowed // 2)


def _head_too_large(received: bytes) -> bool:
    return len(received.partition(b"\r\n\r\n")[0]) >= LARGEST


def _arrived(received: bytes, chunks: Chunks) -> bool:
    """Whether this is a whole request, or all of one that will be looked at."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end or len(head) >= LARGEST:
        return False
    if CHUNKED.search(head):
        return chunks.complete(body, LARGEST)
    length = _body_length(received)
    return length > LARGEST or len(body) >= length


def _missing(received: bytes) -> int:
    """Return how many bytes must still arrive at least."""
    _, end, body = received.partition(b"\r\n\r\n")
    return max(1, _body_length(received) - len(body)) if end else 1


def _body_length(received: bytes) -> int:
    """Return the length that the head states.

    One that is not a single small number counts as too long: whether gunicorn reads it or refuses it,
    the request goes to a thread at once, which waits for no body, and the connection closes then.
    """
    stated = LENGTH.findall(received.partition(b"\r\n\r\n")[0])
    if not stated:
        return 0
    found = SMALL_NUMBER.fullmatch(stated[0]) if len(stated) == 1 else None
    return int(found[1]) if found else LARGEST + 1
