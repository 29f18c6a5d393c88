"""Schemathesis sends what it makes of the OpenAPI documents to a server, one request after another.

``SCHEMATHESIS_EXAMPLES`` says how many requests it makes up for each operation; ``make fuzz`` has
many more than the tests.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.contracts import registry
from tests.faults.databases import database
from tests.faults.processes import PROJECT
from tests.faults.servers import Server

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "")
PATHS = [f"/c/{each.contract.name}/openapi.json" for each in registry.registered()]


@pytest.fixture(scope="module")
def authsvc(template) -> Iterator[Server]:
    """Start a server of one process, on which Alice is an admin."""
    promote = "UPDATE accounts_user SET is_staff = true WHERE username = 'alice' RETURNING id"
    with (
        database(copy_of=template.address) as address,
        Server(address, WEB_CONCURRENCY="1") as server,
    ):
        server.query(promote)
        server.start()
        yield server


@pytest.mark.parametrize("path", ["/openapi.json", *PATHS])
def test_no_answer_is_outside_its_document(authsvc, tmp_path, path):
    before = sessions(authsvc)
    done = run(f"http://127.0.0.1:{authsvc.port}{path}", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sessions(authsvc) > before


def sessions(server: Server) -> int:
    return int(server.query("SELECT count(*) FROM accounts_session")[0][0])


def run(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis; what it covers before it makes up requests takes five times as long."""
    options = {
        "phases": "examples,coverage,fuzzing,stateful" if EXAMPLES else "fuzzing,stateful",
        "max-examples": EXAMPLES or "4",
        "checks": ",".join(CHECKS),
        "seed": "12",
        "max-failures": "20",
        "generation-database": "none",
        "warnings": "off",
    }
    program = Path(sys.executable).with_name("schemathesis")
    switches = ("--no-color", "--no-shrink", "--continue-on-failure")
    values = (f"--{name}={value}" for name, value in options.items())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(PROJECT),
        "SCHEMATHESIS_HOOKS": "tests.faults.schemathesis_hooks",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(PROJECT / ".hypothesis"),  # its table of Unicode
    }
    return subprocess.run(
        [str(program), "run", url, *switches, *values],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
