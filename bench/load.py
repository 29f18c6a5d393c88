"""Generators of load: wrk for requests, threads for the bare hash."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .servers import PROJECT

HERE = Path(__file__).parent
CONNECTIONS = 16


@dataclass(frozen=True)
class Figure:
    """Result of one run of a few seconds; latencies in milliseconds.

    ``workers_ms`` and ``database_ms`` are processor time per request, also in milliseconds.
    ``disturbed`` tells that something else ran on the machine.
    """

    rate: float
    p50: float | None = None
    p99: float | None = None
    errors: int = 0
    disturbed: bool = False
    requests: int = 0
    workers_ms: float | None = None
    database_ms: float | None = None


def replay(port: int, requests: list[bytes], seconds: int, file: Path) -> Figure:
    """Send these requests in turn."""
    file.write_bytes(b"".join(request + b"\0" for request in requests))
    return wrk(port, seconds, 1, "replay.lua", [str(file), "1"])


def rotate(
    port: int, lines: list[tuple[bytes, str]], key: str, pattern: str, seconds: int, file: Path
) -> Figure:
    """Refresh each login in turn with the token of its last refresh.

    A line holds a request's head and its first token.
    """
    file.write_bytes(b"".join(head + b"\0" + token.encode() + b"\0" for head, token in lines))
    return wrk(
        port, seconds, CONNECTIONS, "rotate.lua", [str(file), str(CONNECTIONS), key, pattern]
    )


def wrk(port: int, seconds: int, threads: int, script: str, arguments: list[str]) -> Figure:
    command = [
        "wrk",
        "-t",
        str(threads),
        "-c",
        str(CONNECTIONS),
        "-d",
        f"{seconds}s",
        "--timeout",
        "10s",
    ]
    command += ["-s", str(HERE / script), f"http://127.0.0.1:{port}", "--", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if run.returncode:
        raise SystemExit(f"wrk failed: {run.stderr.strip()}")
    printed = json.loads(run.stdout.splitlines()[-1])
    rate = printed["requests"] / (printed["microseconds"] / 1e6)
    return Figure(
        rate,
        printed["p50"] / 1000,
        printed["p99"] / 1000,
        printed["errors"],
        requests=printed["requests"],
    )


def bare_hash(seconds: int) -> Figure:
    """Measure the password hash alone, on two threads of a process of its own."""
    command = [sys.executable, "-m", "bench.bare_hash", str(seconds)]
    run = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    done, took = run.stdout.split()
    return Figure(int(done) / float(took))
