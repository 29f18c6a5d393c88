"""Services that tests start: each reads lines, and answers each of them with one."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.conftest import lacking

HERE = Path(__file__).resolve().parent


class Service:
    """A process that lives as long as its test."""

    def __init__(self, *command: str | Path) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self, line: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process by the end of its input; one that does not obey is killed."""
        try:
            self.process.communicate(timeout=10)
        finally:
            self.process.kill()


def node(library: str) -> str:
    """Return the path of Node, where a library is installed for it."""
    found = shutil.which("node")
    if not found or not (HERE / "node_modules" / library).exists():
        lacking(f"{library} is not installed: npm ci --prefix tests/verifiers")
    return found
