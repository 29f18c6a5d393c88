"""Several people, or processes, that do something at the same moment; and a process that does not get to the end of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from accounts import request_context
from accounts.request_context import RequestContext


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What came of each, in order: what it returned, or the exception that it raised. All begin together, each on its own connection."""
    start = Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        start.wait()
        try:
            with request_context.use(RequestContext()):
                return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(begin, acts))


def run_elsewhere(*command: str) -> str:
    """What a Python process of its own prints, on the database of this test. What is in it has to be committed."""
    return subprocess.run(
        [sys.executable, *command], env=environment(), capture_output=True, text=True, check=True
    ).stdout


def run_and_kill(*command: str, once: Callable[[], bool]) -> None:
    """The same process, killed as soon as something has happened."""
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
