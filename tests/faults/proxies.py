"""The proxies of docs/clients/forward-auth, as they are configured there but for addresses.

``start`` runs one in front of a program, which answers with the request that reached it.
"""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from tests.conftest import lacking
from tests.faults.processes import PROJECT, end, free_port

SAMPLES = PROJECT / "docs/clients/forward-auth"
AROUND_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{ access_log off; {temporary} include {folder}/nginx.conf; }}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
LOGIN = "https://app.example/login"  # to which all but nginx send browsers
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Program(BaseHTTPRequestHandler):
    """A program behind a proxy: answers with the request; on a WebSocket it echoes."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.echo()
            return
        self.reply(200, [], json.dumps(self.reached()).encode())

    def reached(self) -> dict[str, Any]:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return {
            "method": self.command,
            "path": self.path,
            "headers": self.headers.items(),
            "body": body.decode(),
        }

    def chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def echo(self) -> None:
        """Accept the upgrade, then return whatever comes."""
        key = self.headers["Sec-WebSocket-Key"] + WEBSOCKET_GUID
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest())
        fields = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept.decode()),
            ("X-Reached", json.dumps(self.headers.items())),
        ]
        self.reply(101, fields)
        while data := self.connection.recv(65536):
            self.connection.sendall(data)
        self.close_connection = True

    def reply(self, status: int, fields: list[tuple[str, str]], body: bytes | None = None) -> None:
        self.send_response(status)
        if body is not None:
            fields = [*fields, ("Content-Length", str(len(body)))]
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body or b"")

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PROPFIND = answer

    def log_message(self, *arguments: object) -> None:
        """Write no log."""


@contextmanager
def program() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Program) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Place(NamedTuple):
    """Ports of the proxy, of authsvc and of the program, and a folder for files."""

    folder: Path
    port: int
    authsvc: int
    program: int


def sample(name: str, place: Place, addresses: dict[str, str]) -> Path:
    """Write a sample configuration with the addresses of this machine; return the file."""
    text = (SAMPLES / name).read_text()
    for documented, here in addresses.items():
        assert documented in text, documented
        text = text.replace(documented, here)
    written = place.folder / name
    written.write_text(text)
    return written


def usual(place: Place) -> dict[str, str]:
    return {
        "authsvc:8000": f"127.0.0.1:{place.authsvc}",
        "program:9000": f"127.0.0.1:{place.program}",
    }


def nginx(place: Place) -> list[str]:
    sample("nginx.conf", place, usual(place) | {"listen 80;": f"listen 127.0.0.1:{place.port};"})
    temporary = " ".join(f"{kind}_temp_path {place.folder}/{kind};" for kind in TEMPORARY)
    around = place.folder / "around.conf"
    around.write_text(AROUND_NGINX.format(folder=place.folder, temporary=temporary))
    return ["-e", f"{place.folder}/error.log", "-c", str(around)]


def caddy(place: Place) -> list[str]:
    here = f"http://:{place.port} {{\n\tbind 127.0.0.1"
    login = {"/auth/forward?": f"/auth/forward?login={LOGIN}"}
    file = sample("Caddyfile", place, usual(place) | {":80 {": here} | login)
    file.write_text("{\n\tadmin off\n}\n" + file.read_text())  # it has one port for all
    return ["run", "--config", str(file), "--adapter", "caddyfile"]


def traefik(place: Place) -> list[str]:
    login = {"/auth/forward": f"/auth/forward?login={LOGIN}"}
    routes = sample("traefik-routes.yml", place, usual(place) | login)
    addresses = {":80": f"127.0.0.1:{place.port}", "/etc/traefik/routes.yml": str(routes)}
    return [f"--configFile={sample('traefik.yml', place, addresses)}"]


def envoy(place: Place) -> list[str]:
    local = "address: 127.0.0.1, port_value: {}"
    addresses = {
        "address: 0.0.0.0, port_value: 80 ": f"{local.format(place.port)} ",
        "address: program, port_value: 9000": local.format(place.program),
        "address: authsvc, port_value: 8000": local.format(place.authsvc),
        "/auth/forward?uri=": f"/auth/forward?login={LOGIN}&uri=",
    }
    file = sample("envoy.yaml", place, addresses)
    return ["-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]


ARGUMENTS = {"nginx": nginx, "caddy": caddy, "traefik": traefik, "envoy": envoy}


def executable(name: str) -> str:
    """Return the program of a proxy, of Debian or in this environment; skip the test without."""
    here = str(Path(sys.executable).parent)
    places = [here, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    return found or lacking(f"{name} is not installed")


@contextmanager
def start(name: str, folder: Path, authsvc: int, program: int) -> Iterator[int]:
    """Run a proxy until the block ends; yield its port."""
    command = executable(name)
    place = Place(folder, free_port(), authsvc, program)
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, *ARGUMENTS[name](place)], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(place.port, folder / "log")
        yield place.port
    finally:
        end(process)


def wait_for(port: int, log: Path) -> None:
    """Wait until the proxy accepts connections and has its routes."""
    deadline = time.monotonic() + 30
    while not has_routes(port):
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def has_routes(port: int) -> bool:
    """Return whether a request is refused by authsvc; Traefik answers 404 before it has routes."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 401 ")
    return False
