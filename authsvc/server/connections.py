"""One client's connection, as gunicorn's event loop handles it around requests."""

import errno
import select
import socket
import time
from typing import Any

from gunicorn.workers.gthread import TConn

from accounts import request_context
from authsvc.server.chunked_bodies import ChunkedBody

CLIENT_TIMEOUT = 10.0  # seconds for a whole request to arrive, or until a client reads something
UPLOAD_TIMEOUT = 60.0  # seconds for an operator's file to arrive; a thread waits for it
# Of a head, or of a body: a longer body is refused by its head, and never read.
MAX_BUFFERED_BYTES = 64 * 1024
MAX_PEEKED_BYTES = 2 * MAX_BUFFERED_BYTES
MAX_UNSENT_BYTES = 1024 * 1024  # of one answer, kept for a client that reads slowly


class PatientSocket(socket.socket):
    """A socket on which no thread waits long for a client.

    ``recv`` waits until ``read_until``, however often it is called; ``sendall`` keeps for the event
    loop what the client does not take at once.
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
        while len(self.unsent) > MAX_UNSENT_BYTES:  # a streamed export, for operators only
            if not _ready(self, select.POLLOUT, CLIENT_TIMEOUT):
                raise BrokenPipeError(errno.EPIPE, "the client does not read its answer")
            self.flush()

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        file.seek(offset)
        data = file.read(-1 if count is None else count)
        self.sendall(data)
        return len(data)

    def flush(self) -> int:
        """Send as much as the client takes at once; return the number of bytes."""
        try:
            sent = self.send(self.unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        del self.unsent[:sent]
        return sent


class Connection(TConn):  # type: ignore[misc]
    """gunicorn's connection, with the bytes that have arrived and the client's network."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock if cfg.is_ssl else PatientSocket(sock), client, server)
        self.network = network(client)
        self.active_at = time.monotonic()  # when the client last sent or took something
        self.in_kernel = self.drained = 0
        self.too_long = self.invited = False
        self.reset()

    def reset(self) -> None:
        """Forget the request that a thread gets now."""
        self.length = self.wakeups = 0
        self.chunks = ChunkedBody()

    def received(self) -> bytes:
        """Return the bytes of the next request so far, also those that gunicorn has read ahead."""
        ahead: bytes = self.parser.unreader.buf.getvalue() if self.parser is not None else b""
        try:
            waiting: bytes = self.sock.recv(MAX_PEEKED_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            waiting = b""
        received, self.in_kernel = ahead + waiting, len(waiting)
        if len(received) != self.length:
            self.length, self.active_at = len(received), time.monotonic()
        return received

    def is_ended(self) -> bool:
        """Return whether the client has closed its side of the connection, or is gone."""
        return _ready(self.sock, select.POLLRDHUP)

    def wake_after(self, count: int) -> None:
        """Make the socket readable from ``count`` bytes on; Linux ignores it for Unix sockets."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    def is_stalled(self, seconds: float) -> bool:
        return bool(time.monotonic() - self.active_at > seconds)


def network(client: Any) -> str:
    """Return the network of a peer's address; empty for a Unix socket."""
    return request_context.network(client[0].partition("%")[0]) if isinstance(client, tuple) else ""


def _ready(sock: socket.socket, event: int, seconds: float = 0) -> bool:
    """Return whether ``event`` happens, or the connection breaks, within ``seconds``.

    It calls poll(), since select() takes no descriptor above 1,023.
    """
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(seconds * 1000))
