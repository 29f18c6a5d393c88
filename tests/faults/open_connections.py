"""Connections that a test opens and holds."""

import socket
from contextlib import ExitStack

from tests.faults.servers import Server

HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
HEALTH = b"HEAD /healthz" + HOST + b"\r\n"


def open_to(
    server: Server, held: ExitStack, sent: bytes = b"", source: str = "127.0.0.1", window: int = 0
) -> socket.socket:
    connection = held.enter_context(socket.socket())
    connection.settimeout(5)
    if window:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(sent)
    return connection


def idle(server: Server, held: ExitStack, source: str = "127.0.0.1") -> socket.socket:
    """Return a connection on which a request was answered, kept for the next."""
    connection = open_to(server, held, HEALTH, source)
    assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    return connection


def source(number: int) -> str:
    return f"127.0.{1 + number // 200}.{1 + number % 200}"


def still_served(connection: socket.socket, rest: bytes = HEALTH) -> bool:
    try:
        connection.sendall(rest)
        return connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def healthy(server: Server) -> bool:
    return all(server.call("/healthz", timeout=5).status == 200 for _ in range(3))
