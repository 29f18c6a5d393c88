"""Log lines of a served process, in both formats, when clients try to forge lines."""

import json
import os
import subprocess
import sys
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from tests.faults.databases import database
from tests.faults.servers import Server
from tests.faults.test_http import statuses

ROOT = Path(__file__).resolve().parents[2]
FORMATS = pytest.mark.parametrize("log_format", ["text", "json"])
FORGED = "2026-01-01 00:00:00,000 INFO accounts [-] forged"
NASTY = f"alice\r\n{FORGED}\x1b[2J\x9b31m\u2028{FORGED}\x00\x7f"

LOG = """
import logging, sys
import django
django.setup()
nasty = {nasty!r}
logger = logging.getLogger("accounts.sessions")
logger.warning("%s is locked", nasty)
logging.getLogger("django.request").error("Internal Server Error: %s", "/" + nasty)
logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: %r", nasty)
logging.getLogger("django.security.csrf").warning("Forbidden: %s", nasty)
try:
    raise ValueError(nasty)
except ValueError:
    logger.exception("refused")
"""


def logged(tmp_path: Path, log_format: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        "LOG_FORMAT": log_format,
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, "-c", LOG.format(nasty=NASTY)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, check=True
    ).stderr.decode()


def test_a_line_of_text_holds_whatever_was_typed_escaped(tmp_path):
    first, second, *traceback = logged(tmp_path, "text").splitlines()
    assert first.endswith(
        rf" WARNING accounts.sessions [-] alice\r\n{FORGED}"
        rf"\x1b[2J\x9b31m\u2028{FORGED}\x00\x7f is locked"
    )
    assert rf" ERROR django.request [-] Internal Server Error: /alice\r\n{FORGED}\x1b" in second
    assert traceback[0].endswith(" ERROR accounts.sessions [-] refused")
    assert {line[:2] for line in traceback[1:]} == {"  "}
    assert [line for line in traceback if not line.isprintable()] == []


def test_a_line_of_json_holds_whatever_was_typed(tmp_path):
    first, second, third = map(json.loads, logged(tmp_path, "json").split("\n")[:-1])
    assert (first["level"], first["logger"], first["message"]) == (
        "WARNING",
        "accounts.sessions",
        f"{NASTY} is locked",
    )
    assert second["message"] == f"Internal Server Error: /{NASTY}"
    assert NASTY in third["exc_info"]


@FORMATS
def test_nothing_is_heard_of_what_django_calls_security(tmp_path, log_format):
    """Any client can cause such lines, and chooses the header or path in them."""
    assert "django.security" not in logged(tmp_path, log_format)


def forged_requests():
    """Yield requests whose paths or headers try to begin a line of the log."""
    path = "%0d%0a" + FORGED.replace(" ", "%20") + "%1b%5b2J"
    lines = f"/{path}", "/\x1b[2J", f"/v1/{path}", f"/admin/{path}", f"/reset/{path}"
    headers = (
        "Host: localhost",
        "Host: evil.example",
        "Host: evil.example",
        "Host: \x1b[2J",
        "Host: localhost\r\nX-Forwarded-For: \x9b31m",
        "X\x1b: y",
    )
    for line, header in product(lines, headers):
        request = f"GET {line} HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n"
        yield request.encode("latin-1")


@FORMATS
def test_no_request_writes_a_line_of_its_own(template, log_format):
    with (
        database(copy_of=template.address) as address,
        Server(
            address, WEB_CONCURRENCY="1", TRUSTED_PROXIES="1", LOG_FORMAT=log_format, PYTHONUTF8="1"
        ) as server,
    ):
        server.start()
        with closing(server.connect()):
            login = server.call("/v1/login", {"username": NASTY, "password": "wrong"})
            assert login.status in (400, 401, 422)
        for request in forged_requests():
            assert len(statuses(server.raw(request))) == 1
        server.stop()
        lines = server.log.read_text(errors="surrogateescape").split("\n")
    assert [line for line in lines if not line.isprintable() or line.startswith("2026-01-01")] == []
    assert (
        len([line for line in lines if "is refused: it is not in ALLOWED_HOSTS" in line]) == 1
    )  # a minute, for the operator
    assert [line for line in lines if "evil.example" in line and "ALLOWED_HOSTS" not in line] == []
