"""Calls at the same moment, or between two statements, and a process that is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from accounts import request_context
from accounts.request_context import RequestContext


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Begin all calls together, each in a thread with a connection of its own.

    Return the results in order; an exception that a call raised is its result.
    """
    start = Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            with request_context.use(RequestContext()):
                return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(begin, calls))


@contextmanager
def overtaken(by: Callable[[], Any], *, before: str) -> Iterator[list[Any]]:
    """Call ``by`` once, just before the first statement that contains ``before``.

    So another request comes between two statements of a function. Yield a list for its result.
    """
    results: list[Any] = []

    def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if before in sql and not results:
            results.append(None)
            results[0] = by()
        return run(sql, *arguments)

    with connection.execute_wrapper(execute):
        yield results


def run_elsewhere(*command: str) -> str:
    """Return the output of a Python process on the test's database, of which it reads commits."""
    return subprocess.run(
        [sys.executable, *command], env=environment(), capture_output=True, text=True, check=True
    ).stdout


def run_and_kill(*command: str, once: Callable[[], bool]) -> None:
    """Run such a process, and kill it as soon as ``once`` is true."""
    running = subprocess.Popen(
        [sys.executable, *command], env=environment(), stdout=subprocess.DEVNULL
    )
    while not once() and running.poll() is None:
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, "it was done before it could be killed"


def environment() -> dict[str, str]:
    name = connection.settings_dict["NAME"]
    address = (
        urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        if "DATABASE_URL" in os.environ
        else f"sqlite:///{name}"
    )
    return {**os.environ, "DATABASE_URL": address}
