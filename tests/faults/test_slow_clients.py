"""Clients that send slowly, read slowly, or hold many connections: others are served."""

import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from authsvc.server.connections import PatientSocket
from tests.conftest import lacking
from tests.faults.open_connections import HEALTH, HOST, healthy, idle, open_to, source, still_served
from tests.faults.servers import Server

SCRIPT = (
    b"/static/admin/js/vendor/xregexp/xregexp.js"  # the largest answer that strangers can ask for
)
LOGIN = b"POST /v1/login" + HOST + b"Content-Type: application/json\r\n"
UPLOAD = (
    b"POST /admin/accounts/user/import/"
    + HOST
    + b"Cookie: authsvc_csrf="
    + b"a" * 32
    + b"\r\nContent-Type: text/plain\r\n"
)
FORM = UPLOAD.replace(b"text/plain", b"application/x-www-form-urlencoded")
STALLS = {
    "a body that is to be asked for": LOGIN + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "half a body, its length padded": LOGIN + b"Content-Length: 00000000000000000010\r\n\r\n{",
    "half a chunk": LOGIN + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "half a request behind a whole one": HEALTH + b"GET /",
    "a head that does not end": b"GET /healthz" + HOST + b"X: " + b"a" * 70_000,
    "a file from a stranger": UPLOAD + b"Content-Length: 1000000\r\n\r\nab",
    "a file from a stranger, behind two slashes": FORM.replace(b" /", b" //", 1)
    + b"Content-Length: 1000000\r\n\r\nab",
    "a file in chunks from a stranger": UPLOAD
    + b"Transfer-Encoding: chunked\r\n\r\n20000\r\n"
    + b"a" * 70_000,
    "answers that nobody reads": (b"GET " + SCRIPT + HOST + b"\r\n") * 100,
    "an end that nobody reads": b"GET /healthz" + HOST + b"Connection: close\r\n\r\n",
}


@pytest.fixture(scope="module")
def single(address) -> Iterator[Server]:
    """Start one process with four threads."""
    with Server(address, WEB_CONCURRENCY="1", THREADS="4") as server:
        server.start()
        yield server


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Open many connections; the process may have so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2500:
        lacking("1,500 connections want a limit of 2,500 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    with ExitStack() as stack:
        yield stack
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def get(lines: bytes, method: bytes = b"GET", path: bytes = b"/healthz") -> bytes:
    return method + b" " + path + HOST + lines + b"\r\n\r\n"


LENGTH = b"Content-Length: "
DIGITS = LENGTH + b"9" * 16
UNREADABLE = {
    "16 digits": get(DIGITS),
    "16 digits to HEAD": get(DIGITS, b"HEAD"),
    "16 digits to OPTIONS": get(DIGITS, b"OPTIONS", b"/v1/login"),
    "16 digits to a static file": get(DIGITS, path=SCRIPT),
    "16 digits to a page": get(DIGITS, b"POST", b"/admin/login/"),
    "16 digits to a contract": get(DIGITS, b"POST", b"/v1/login"),
    "16 digits to the upload": UPLOAD + DIGITS + b"\r\n\r\nab",
    "16 digits behind 4,000 zeros": get(LENGTH + b"0" * 4000 + b"9" * 16),
    "4,000 digits": get(LENGTH + b"9" * 4000),
    "16 digits, asked for": get(DIGITS + b"\r\nExpect: 100-continue"),
    "a plus": get(LENGTH + b"+500"),
    "an underscore": get(LENGTH + b"5_0"),
    "a comma": get(LENGTH + b"500,"),
    "a list": get(LENGTH + b"500, 500"),
    "nothing": get(LENGTH),
    "superscript": get(LENGTH + b"\xb2"),
    "two that differ": get(LENGTH + b"0\r\n" + LENGTH + b"500"),
    "two alike": get(LENGTH + b"500\r\n" + LENGTH + b"500"),
    "folded": get(b"Content-Length:\r\n 500"),
    "a space before the colon": get(b"Content-Length : 500"),
    "as the request line": b"\r\n" + get(LENGTH + b"500", b"Content-Length:"),
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
def test_a_length_that_is_no_small_number_is_answered_and_the_connection_closed(single, held, sent):
    """Eight clients do not make four threads wait for the rest of their requests."""
    clients = [open_to(single, held, sent) for _ in range(8)]
    assert healthy(single)
    for client in clients:
        client.settimeout(3)
        answer = b"".join(iter(lambda: client.recv(65536), b""))  # noqa: B023 (used at once)
        assert answer.startswith(b"HTTP/1.1 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize(
    "stated",
    [b"2", b"   2  ", b"\t2", b"0" * 4000 + b"2"],
    ids=["plain", "spaces", "a tab", "zeros"],
)
def test_a_small_length_is_read_however_it_is_padded(single, stated):
    """The request after the body is answered on the same connection."""
    answers = single.raw(get(b"Content-Length:" + stated) + b"{}" + HEALTH)
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.count(b"Connection: keep-alive") == 2


def test_malformed_chunks_to_the_upload_get_one_answer(single):
    sent = UPLOAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    assert single.raw(sent).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("sent", STALLS.values(), ids=STALLS)
def test_a_client_that_stalls_keeps_neither_a_thread_nor_the_loop(single, held, sent):
    for _ in range(8):
        open_to(single, held, sent, window=2048)
    assert [single.call("/healthz", timeout=3).status for _ in range(8)] == [200] * 8


def test_a_client_that_leaves_in_the_middle_is_not_waited_for(single, held):
    connection = open_to(single, held, b"GET /heal")
    connection.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_an_answer_that_is_read_late_is_whole(single, held):
    connection = open_to(
        single, held, b"GET " + SCRIPT + HOST + b"Connection: close\r\n\r\n", window=2048
    )
    assert healthy(single)
    received = bytearray()
    while more := connection.recv(65536):
        received += more
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(body) > 300_000


@pytest.mark.parametrize("sources", [1, 1500], ids=["one address", "many addresses"])
@pytest.mark.parametrize(
    "sent",
    [b"", b"G", LOGIN + b"Content-Length: 10\r\n\r\n{"],
    ids=["nothing", "one byte", "half a body"],
)
def test_fifteen_hundred_slow_connections_keep_nobody_out(single, held, sources, sent):
    for number in range(1500):
        open_to(single, held, sent, source(number % sources))
    assert healthy(single)


@pytest.mark.parametrize("sources", [1, 1100], ids=["one address", "many addresses"])
def test_eleven_hundred_idle_connections_keep_nobody_out(single, held, sources):
    for number in range(1100):
        idle(single, held, source(number % sources))
    assert healthy(single)


# With 256 open files there is room for 128 connections.


@pytest.fixture(scope="module", params=["0", "1"], ids=["no proxy", "behind a proxy"])
def small(address, request) -> Iterator[Server]:
    with Server(address, WEB_CONCURRENCY="1", TRUSTED_PROXIES=request.param) as server:
        server.start(open_files=256)
        yield server


@pytest.fixture
def proxied(small) -> bool:
    return small.environment["TRUSTED_PROXIES"] == "1"


def test_the_address_with_most_connections_loses_first_unless_it_is_the_proxy(small, held, proxied):
    alice = idle(small, held, "127.0.9.9")
    crowd = [idle(small, held) for _ in range(60)]
    for number in range(68):
        idle(small, held, source(number))
    assert healthy(small)
    assert still_served(alice) is not proxied
    assert not still_served(crowd[0])
    assert still_served(crowd[-1])


def test_idle_connections_go_before_one_that_sends(small, held):
    alice = open_to(small, held, HEALTH[:9], "127.0.9.9")
    for number in range(200):
        idle(small, held, source(number))
        if number % 20 == 0:
            alice.sendall(HEALTH[9 + number // 20 :][:1])
    assert still_served(alice, HEALTH[19:])


def test_a_request_that_has_arrived_is_answered_whatever_comes_then(small, held):
    asked = [open_to(small, held, HEALTH, source(number)) for number in range(100)]
    for number in range(300):
        open_to(small, held, b"G", source(number))
    assert [connection.recv(4096)[:13] for connection in asked] == [b"HTTP/1.1 200 "] * 100


def test_a_process_that_may_open_no_more_files_goes_on(address, held):
    with Server(address, WEB_CONCURRENCY="1") as server:
        server.start(open_files=40)
        workers = server.workers()
        for number in range(120):
            open_to(server, held, b"G", source(number))
        assert healthy(server)
        assert server.workers() == workers


def test_requests_that_come_byte_by_byte_over_a_unix_socket(address, held, folder):
    """On Unix sockets the kernel ignores SO_RCVLOWAT."""
    with Server(address, WEB_CONCURRENCY="1") as server:
        server.environment["GUNICORN_CMD_ARGS"] = (
            f"--bind 127.0.0.1:{server.port} --bind unix:{folder}/socket"
        )
        server.start()
        slow = [held.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(20)]
        for connection in slow:
            connection.settimeout(5)
            connection.connect(f"{folder}/socket")
        for byte in HEALTH:
            for connection in slow:
                connection.sendall(bytes([byte]))
        assert [connection.recv(13) for connection in slow] == [b"HTTP/1.1 200 "] * 20
        assert healthy(server)


def test_a_thousand_long_heads_that_drip_keep_nobody_out(single, held):
    slow = [
        open_to(single, held, b"GET /healthz" + HOST + b"X: " + b"a" * 50_000, source(number))
        for number in range(900)
    ]
    for _ in range(10):
        for connection in slow:
            connection.sendall(b"a")
    assert healthy(single)


def drip(client: socket.socket, ended: Event) -> None:
    while not ended.wait(0.01):
        client.sendall(b"a")


def test_reading_ends_with_the_request_s_time_however_steadily_the_client_drips():
    """Neither gunicorn nor the application reads more of it in a thread."""
    ours, client = socket.socketpair()
    with client, PatientSocket(ours) as patient, ThreadPoolExecutor() as threads:
        ended = Event()
        client.sendall(b"here")
        assert (
            patient.recv(100) == b"here"
        )  # though no time was given: what has arrived is read at any time
        patient.read_until = time.monotonic() + 0.2
        threads.submit(drip, client, ended)
        try:
            with pytest.raises(TimeoutError):
                [patient.recv(1) for _ in range(1000)]
        finally:
            ended.set()
