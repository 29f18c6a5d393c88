"""One client's connection, as gunicorn's event loop sees it before, between and after requests."""

import errno
import select
import socket
import time
from typing import Any

from gunicorn.workers.gthread import TConn

from accounts import request_context
from authsvc.server.chunked_bodies import Chunks

PATIENCE = (
    10.0  # seconds in which a whole request has to arrive, or a client to take some of an answer
)
LONGEST_UPLOAD = 60.0  # seconds in which an operator's file has to arrive, which a thread waits for
LARGEST = (
    64 * 1024
)  # bytes of a head, or of a body: a longer body is refused by its head, and never read
MOST_PEEKED = 2 * LARGEST
LARGEST_UNSENT = 1024 * 1024  # bytes of one answer that are kept for a client who reads slowly


class PatientSocket(socket.socket):
    """A socket on which no thread waits for a client for long.

    ``recv`` waits until ``read_until`` and no longer, however often it is called; ``sendall`` keeps
    what the client does not take at once for the event loop.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.unsent = bytearray()
        self.read_until = 0.0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        try:
            return super().recv(size, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            if flags & socket.MSG_DONTWAIT:
                raise
        if not _ready(self, select.POLLIN, max(0.0, self.read_until - time.monotonic())):
            raise TimeoutError(errno.ETIMEDOUT, "the client does not send the rest of its request")
        return super().recv(size, flags | socket.MSG_DONTWAIT)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self.unsent += data
        self.flush()
        while (
            len(self.unsent) > LARGEST_UNSENT
        ):  # a streamed export, which only operators can ask for
            if not _ready(self, select.POLLOUT, PATIENCE):
                raise BrokenPipeError(errno.EPIPE, "the client does not read its answer")
            self.flush()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        file.seek(offset)
        data = file.read(-1 if count is None else count)
        self.sendall(data)
        return len(data)

    def flush(self) -> int:
        """Send what the client takes at once; return how many bytes those are."""
        try:
            sent = self.send(self.unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        del self.unsent[:sent]
        return sent


class Connection(TConn):  # type: ignore[misc]
    """gunicorn's connection, which also knows what has arrived on it and who holds it."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock if cfg.is_ssl else PatientSocket(sock), client, server)
        self.network = network(client)
        self.active_at = time.monotonic()  # when the client last sent or took something
        self.in_kernel = self.drained = 0
        self.too_long = self.invited = False
        self.begin_again()

    def begin_again(self) -> None:
        """Forget the request that a thread is given now."""
        self.length = self.looks = 0
        self.chunks = Chunks()

    def received(self) -> bytes:
        """The bytes of the next request so far: gunicorn may have read some of them behind the last one."""
        ahead: bytes = self.parser.unreader.buf.getvalue() if self.parser is not None else b""
        try:
            waiting: bytes = self.sock.recv(MOST_PEEKED, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            waiting = b""
        received, self.in_kernel = ahead + waiting, len(waiting)
        if len(received) != self.length:
            self.length, self.active_at = len(received), time.monotonic()
        return received

    def ended(self) -> bool:
        """Return whether the client has said that it sends no more, or is gone."""
        return _ready(self.sock, select.POLLRDHUP)

    def wake_after(self, count: int) -> None:
        """Let the kernel call the socket readable when it holds ``count`` bytes. On Unix sockets Linux ignores it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    def stalled(self, seconds: float) -> bool:
        return bool(time.monotonic() - self.active_at > seconds)


def network(client: Any) -> str:
    """The network that a peer's address counts as; empty behind a Unix socket."""
    return request_context.network(client[0].partition("%")[0]) if isinstance(client, tuple) else ""


def _ready(sock: socket.socket, event: int, seconds: float = 0) -> bool:
    """Return whether this happens, or the connection breaks, within so many seconds.

    Unlike select(), poll() knows descriptors above 1,023.
    """
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(seconds * 1000))
