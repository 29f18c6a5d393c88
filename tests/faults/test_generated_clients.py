"""Clients that openapi-generator makes of the OpenAPI documents, in Python and TypeScript."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authsvc.contracts import BUILT_IN
from tests.conftest import lacking
from tests.faults.http_client import PASSWORD
from tests.faults.processes import PROJECT

USE = Path(__file__).with_name("generated_clients")
TYPESCRIPT = PROJECT / "tests" / "verifiers" / "node_modules" / ".bin" / "tsc"
GENERATOR = Path(sys.executable).with_name("openapi-generator-cli")
WITHOUT = ("apiDocs", "modelDocs", "apiTests", "modelTests")
TSCONFIG = {
    "compilerOptions": {
        "target": "es2022",
        "module": "nodenext",
        "lib": ["es2022", "dom", "dom.iterable"],
        "types": [],
        "strict": True,
    },
    "files": ["use.ts"],
}


def configurations(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what openapi-generator reads: a client of each contract in each language."""
    for contract in BUILT_IN:
        common: dict[str, Any] = {
            "inputSpec": str(PROJECT / "docs" / "openapi" / f"{contract}.json"),
            "globalProperties": {"apis": "", "models": "", "supportingFiles": ""}
            | dict.fromkeys(WITHOUT, "false"),
        }
        yield common | {
            "generatorName": "python",
            "outputDir": str(folder / "python"),
            "additionalProperties": {"packageName": f"{contract}_client"},
        }
        yield common | {
            "generatorName": "typescript-fetch",
            "outputDir": str(folder / "typescript" / contract),
            "additionalProperties": {"importFileExtension": ".js"},
        }


@pytest.fixture(scope="module")
def clients(tmp_path_factory) -> Path:
    """Return the folder of the clients: all are generated in one process, which takes 10 s."""
    if not GENERATOR.exists():
        lacking("openapi-generator is not installed: pip install -r .ci/generator.txt")
    folder: Path = tmp_path_factory.mktemp("clients")
    files = []
    for number, configuration in enumerate(configurations(folder)):
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(configuration))
    command = [str(GENERATOR), "batch", "--fail-fast", "--threads", "1", *map(str, files)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_generated_client_in_python(server, user, clients):
    arguments = [f"http://127.0.0.1:{server.port}", user, PASSWORD]
    assert play([sys.executable, str(USE / "use.py"), *arguments], clients / "python") == [
        *BUILT_IN
    ]


def test_a_generated_client_in_typescript(server, user, clients):
    if not TYPESCRIPT.exists() or not shutil.which("node"):
        lacking("TypeScript is not installed: npm ci --prefix tests/verifiers")
    folder = clients / "typescript"
    shutil.copy(USE / "use.ts", folder)
    (folder / "tsconfig.json").write_text(json.dumps(TSCONFIG))
    (folder / "package.json").write_text('{"type": "module"}')
    assert play([str(TYPESCRIPT)], folder) == []
    arguments = [f"http://127.0.0.1:{server.port}", user, PASSWORD]
    assert play(["node", "use.js", *arguments], folder) == [*BUILT_IN]


def play(command: list[str], folder: Path) -> list[str]:
    """Run a command, and return the lines that it prints."""
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()
