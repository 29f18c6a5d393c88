"""nginx as docs/clients/forward-auth.md configures it, in front of an application."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.faults.processes import PROJECT, end, free_port

AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{ access_log off; {temporary} {block} }}
"""
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Echo(BaseHTTPRequestHandler):
    """An application that answers with the request that reached it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        who = {
            name: self.headers.get_all(name)
            for name in ("X-Auth-User", "X-Auth-Role", "X-Auth-Scopes")
        }
        said = json.dumps(
            {"method": self.command, "path": self.path, "body": body, "who": who}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST

    def log_message(self, *arguments: object) -> None:
        """Write no log."""


@pytest.fixture(scope="module")
def program():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as program:
        threading.Thread(target=program.serve_forever, daemon=True).start()
        yield program.server_address[1]
        program.shutdown()


@pytest.fixture
def nginx(server, program, folder):
    """Start nginx with the configuration of docs/clients/forward-auth.md; return its port."""
    if not (
        command := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    ):
        lacking("nginx is not installed")
    (block,) = re.findall(
        r"```nginx\n(.*?)```", Path(PROJECT, "docs/clients/forward-auth.md").read_text(), re.DOTALL
    )
    port = free_port()
    here = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "authsvc:8000": f"127.0.0.1:{server.port}",
        "program:9000": f"127.0.0.1:{program}",
    }
    for documented, address in {**here, "auth.example.com": "localhost"}.items():
        assert documented in block
        block = block.replace(documented, address)
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in KINDS)
    (folder / "nginx.conf").write_text(
        AROUND.format(folder=folder, temporary=temporary, block=block)
    )
    process = subprocess.Popen([command, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    wait_for(port)
    yield port
    end(process)


def wait_for(port):
    deadline = time.monotonic() + 10
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(port, method, body=None, token="", **headers):
    """Send a request that also claims to be another user."""
    given = {"X-Auth-User": "olga", "X-Auth-Role": "super_admin", "X-Auth-Scopes": "all", **headers}
    if token:
        given["Authorization"] = f"Bearer {token}"
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=15)) as client:
        client.request(method, "/orders?page=2", body, given)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()


@pytest.mark.parametrize(
    "body",
    [b"two of them", b"x" * 500_000, [b"two ", b"of them"]],
    ids=["small", "large", "in chunks"],
)
def test_nginx_lets_a_post_through_to_the_program(server, user, nginx, body):
    status, _, said = ask(nginx, "POST", body, server.log_in(user)["access"])
    reached = json.loads(said)
    assert (status, reached["method"], reached["path"]) == (200, "POST", "/orders?page=2")
    assert reached["body"].encode() == b"".join([body] if isinstance(body, bytes) else body)
    assert reached["who"] == {
        "X-Auth-User": [user],
        "X-Auth-Role": ["user"],
        "X-Auth-Scopes": ["session"],
    }
    assert json.loads(ask(nginx, "GET", token=server.log_in(user)["access"])[2])["method"] == "GET"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nginx_keeps_strangers_out(nginx, method):
    for token in ("", "x.y.z"):
        status, headers, said = ask(nginx, method, b"two of them", token)
        assert (status, headers["WWW-Authenticate"], b"who" in said) == (401, "Bearer", False)
