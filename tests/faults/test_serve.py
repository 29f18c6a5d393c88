"""`manage.py serve`, from an empty folder to SIGTERM."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.databases import database
from tests.faults.processes import PROJECT, children, end
from tests.faults.servers import Server

SERVE = [sys.executable, "manage.py", "serve"]


@contextmanager
def new_place(copy_of: str = "", **environment: str) -> Iterator[Server]:
    """Return an environment with a new database, empty or with the tables of another."""
    with database(copy_of) as address:
        yield Server(address, WEB_CONCURRENCY="1", PYTHONUNBUFFERED="1", **environment)


@pytest.fixture
def place() -> Iterator[Server]:
    """Return an environment where nothing is set up."""
    with new_place() as place:
        yield place


@pytest.fixture
def migrated_place(tables) -> Iterator[Server]:
    """Return an environment with tables, without rows and without a mail worker."""
    with new_place(tables, EMAILS_ENABLED="false") as place:
        yield place


@contextmanager
def serving(place: Server) -> Iterator[subprocess.Popen[bytes]]:
    place.log.write_text("")
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            SERVE, cwd=PROJECT, env=place.environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while not place.healthy():
            assert process.poll() is None, place.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        end(process)


def family(pid: int) -> set[int]:
    """Return a process and all its descendants."""
    return {pid}.union(*(family(child) for child in children(pid)))


def alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_from_an_empty_folder_to_sigterm_and_again_until_a_child_dies(place):
    """A supervisor starts it anew when a child has died, since then the others end."""
    with serving(place) as process:
        login = {"username": "admin", "password": place.first_password()}
        assert "user name admin, password in /" in place.log.read_text()
        assert login["password"] not in place.log.read_text()
        session = place.call("/c/bearer/api/v1/auth/login", login).json()
        assert session["user"]["is_admin"] is True
        assert place.call("/readyz").json() == {"status": "ok", "database": "ok", "cache": "ok"}
        started = family(process.pid)
        assert len(started) >= 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert [pid for pid in started if alive(pid)] == []
        assert not place.healthy()

    with serving(place) as process:
        assert "first_admin_password" not in place.log.read_text()
        assert place.me(session["access_token"]) == 200
        assert place.call("/c/bearer/api/v1/auth/login", login).status == 200
        started = family(process.pid)
        os.kill(gunicorn_of(process), signal.SIGKILL)
        assert process.wait(15) != 0
        deadline = time.monotonic() + 10
        while any(alive(pid) for pid in started):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def gunicorn_of(process: subprocess.Popen[bytes]) -> int:
    return next(
        pid
        for pid in children(process.pid)
        if "gunicorn" in Path(f"/proc/{pid}/cmdline").read_text()
    )


def test_on_a_terminal_the_first_password_is_printed_there_and_nowhere_else(migrated_place):
    """The child that sets up writes to the same terminal."""
    terminal, its_other_end = pty.openpty()
    process = subprocess.Popen(
        SERVE,
        cwd=PROJECT,
        env=migrated_place.environment,
        stdout=its_other_end,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_other_end)
    try:
        said = b""
        while b"Serving on" not in said:
            said += os.read(terminal, 4096)
        (password,) = re.findall(
            r"user name admin, password (\S+) \(shown only now\)", said.decode()
        )
        while not migrated_place.healthy():
            time.sleep(0.05)
        assert (
            migrated_place.call(
                "/c/bearer/api/v1/auth/login", {"username": "admin", "password": password}
            ).status
            == 200
        )
        assert not Path(migrated_place.environment["DATA_DIR"], "first_admin_password").exists()
    finally:
        end(process)
        os.close(terminal)


@pytest.mark.parametrize("moment", [0.1, 0.6, 1.2, 2.0])
def test_sigterm_at_any_moment_leaves_nobody_behind(tables, moment):
    with new_place(tables) as place:
        leaves_nobody_behind(place, moment)


def leaves_nobody_behind(place: Server, moment: float) -> None:
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            SERVE,
            cwd=PROJECT,
            env=place.environment,
            start_new_session=True,
            stdout=log,
            stderr=log,
        )
    time.sleep(moment)
    process.terminate()
    process.wait(20)
    deadline = time.monotonic() + 10
    while left := in_session(process.pid):
        assert time.monotonic() < deadline, [
            Path(f"/proc/{pid}/cmdline").read_text() for pid in left
        ]
        time.sleep(0.1)


def in_session(sid: int) -> list[int]:
    """Return the living processes of a session that the test began."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, session, *_ = path.read_text().rpartition(")")[2].split()
            if session == str(sid) and state != "Z":
                found.append(int(path.parent.name))
    return found
