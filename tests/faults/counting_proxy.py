"""A proxy between a client and the server: it counts requests, and lets some of them fail."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

PATIENCE = 15
PASSED_ON = ("Content-Type", "Retry-After", "WWW-Authenticate")


class Request(NamedTuple):
    method: str
    path: str
    token: str
    body: bytes


class CountingProxy(ThreadingHTTPServer):
    """A proxy in front of the server at ``port``.

    The path ``protected`` refuses access tokens: the first one that it sees after as many requests
    as ``uses`` says first, and so on; later ones never. A refused request goes to the server with a
    damaged token, so that the answer is the server's own. Refused requests wait until there are
    ``crowd`` of them, ``gathered`` is called, and the answer to one of them is held back until a
    request for ``renewal`` has been answered: that client learns of the refusal too late.

    ``busy`` are paths of which the first request gets 503 with ``Retry-After: 1``; the answer to
    the first request for a path of ``lossy`` is lost.
    """

    daemon_threads = True

    def __init__(self, port: int, protected: str, renewal: str, **options: Any) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.port, self.protected, self.renewal = port, protected, renewal
        self.uses: list[int] = list(options.get("uses", ()))
        self.busy, self.lossy = (set(options.get(name, ())) for name in ("busy", "lossy"))
        gathered: Callable[[], None] | None = options.get("gathered")
        self.crowd = threading.Barrier(options.get("crowd", 1), gathered)
        self.left: dict[str, int] = {}
        self.requests: list[Request] = []
        self.renewed = threading.Condition()
        self.renewals = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def count(self, path: str) -> int:
        return Counter(self.paths())[path]

    def bodies(self, path: str) -> list[bytes]:
        return [request.body for request in self.requests if request.path == path]

    def refuses(self, request: Request) -> bool:
        if request.path != self.protected:
            return False
        with self.renewed:
            if request.token not in self.left and self.uses:
                self.left[request.token] = self.uses.pop(0)
            self.left[request.token] = self.left.get(request.token, 1_000_000) - 1
            return self.left[request.token] < 0

    def wait_for_renewal(self, seen: int) -> None:
        """Wait until more requests for ``renewal`` have been answered than ``seen``."""
        with self.renewed:
            self.renewed.wait_for(lambda: self.renewals > seen, PATIENCE)

    def note_renewal(self) -> None:
        with self.renewed:
            self.renewals += 1
            self.renewed.notify_all()


class Handler(BaseHTTPRequestHandler):
    server: CountingProxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        request = Request(self.command, self.path, token, body)
        self.server.requests.append(request)
        if self.path in self.server.busy:
            self.server.busy.remove(self.path)
            self.answer(503, {"Retry-After": "1"}, b"")
        elif self.server.refuses(request):
            self.refuse(request)
        else:
            self.pass_on(request)

    do_GET = do_POST

    def refuse(self, request: Request) -> None:
        seen, crowd = self.server.renewals, self.server.crowd
        is_last = crowd.wait(PATIENCE) == crowd.parties - 1
        answer = self.ask(request._replace(token=f"{request.token}x"))
        if is_last and crowd.parties > 1:
            self.server.wait_for_renewal(seen)
        self.answer(*answer)

    def pass_on(self, request: Request) -> None:
        answer = self.ask(request)
        if self.path in self.server.lossy:
            self.server.lossy.remove(self.path)
            self.close_connection = True
            return
        self.answer(*answer)
        if self.path == self.server.renewal:
            self.server.note_renewal()

    def ask(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Return the server's answer."""
        headers = {"Content-Type": self.headers.get("Content-Type", "")}
        if request.token:
            headers["Authorization"] = f"Bearer {request.token}"
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.port)) as connection:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            kept = {name: answer.headers[name] for name in PASSED_ON if answer.headers[name]}
            return answer.status, kept, answer.read()

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Write no log."""
