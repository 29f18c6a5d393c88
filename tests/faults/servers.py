"""A gunicorn that tests start, and clients that talk to it."""

import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import psycopg

from tests.databases import HERE
from tests.faults.http_client import PASSWORD, Client
from tests.faults.processes import (
    KEPT_VARIABLES,
    PROJECT,
    children,
    end,
    free_port,
    shared_redis,
    sockets,
)

NEW = "a new and better password"
RESET = "/c/bearer/api/v1/auth/reset-password"
WORKERS = 2

MAKE_USERS = """
from accounts.models import User
for name in {!r}:
    User.objects.create_user(name, {!r})
"""
SET_UP = """
from django.core.management import call_command
call_command("setup")
"""
MAKE_USERS_WITH_RESETS = """
from accounts import password_reset
from accounts.models import User
for number in range({}):
    user = User.objects.create_user(f"{}{{number}}", {!r}, email=f"{}{{number}}@example.com")
    print(user.username, password_reset.make(user).token)
"""


class Server(Client):
    """``python -m gunicorn authsvc.wsgi:application`` with the project's gunicorn.conf.py."""

    def __init__(self, database: str, **environment: str) -> None:
        self.database = database
        self.port = free_port()
        self.log = Path(tempfile.mkstemp(dir=HERE, suffix=".log")[1])
        self.process: subprocess.Popen[bytes] | None = None
        self.secrets: set[str] = {PASSWORD}
        self.new_users: list[str] = []
        self.environment = {
            **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            "DATA_DIR": tempfile.mkdtemp(dir=HERE),
            "DATABASE_URL": database,
            "DJANGO_SETTINGS_MODULE": "authsvc.settings",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(WORKERS),
            "LOGIN_RATE_PER_NAME": "100000/5m",
            "LOGIN_RATE_PER_NAME_DAILY": "100000/1d",
            "LOGIN_RATE_PER_ADDRESS": "100000/5m",
            **environment,
        }
        if self.environment["WEB_CONCURRENCY"] != "1":
            self.environment.setdefault("REDIS_URL", shared_redis())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    # Its life

    def run(self, *command: str) -> str:
        """Return the output of a management command."""
        arguments = [sys.executable, "manage.py", *command]
        done = subprocess.run(
            arguments,
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def set_up(self) -> str:
        printed = self.run("setup")
        self.secrets.add(self.first_password())
        return printed

    def first_password(self) -> str:
        """Return the first admin's password, which is in a file where there is no terminal."""
        return Path(self.environment["DATA_DIR"], "first_admin_password").read_text().strip()

    def new_user(self) -> str:
        """Return an unused account. A command makes ten of them, since it takes long to start."""
        if not self.new_users:
            self.new_users = [f"user{os.urandom(6).hex()}" for _ in range(10)]
            self.run("shell", "-v", "0", "-c", MAKE_USERS.format(self.new_users, PASSWORD))
        return self.new_users.pop()

    def people_with_links(self, count: int) -> dict[str, str]:
        """Return ``count`` new users, and the token of a reset mail for each."""
        prefix = f"reset{os.urandom(4).hex()}n"
        printed = self.run(
            "shell", "-v", "0", "-c", MAKE_USERS_WITH_RESETS.format(count, prefix, PASSWORD, prefix)
        )
        links = dict(line.split() for line in printed.splitlines())
        self.secrets |= {NEW, *links.values()}
        return links

    def start(self, open_files: int = 0) -> None:
        """Start the server, with a limit of open files if one is given."""
        with self.log.open("ab") as log:
            limit = ["sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh"] if open_files else []
            command = [*limit, sys.executable, "-m", "gunicorn", "authsvc.wsgi:application"]
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=self.environment, stdout=log, stderr=log
            )
        self.wait()

    def wait(self) -> None:
        """Wait until all workers run and one of them answers."""
        deadline = time.monotonic() + 30
        while len(self.workers()) < int(self.environment["WEB_CONCURRENCY"]) or not self.healthy():
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def healthy(self) -> bool:
        try:
            return self.call("/healthz", timeout=2).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> None:
        if self.process:
            end(self.process)

    def workers(self) -> list[int]:
        assert self.process
        return children(self.process.pid)

    def came_of_the_reset(self, name: str, token: str, access: str) -> "ResetResult":
        """Return which older credentials work, and whether the reset was mailed and recorded."""
        login = "/c/bearer/api/v1/auth/login"
        old, new = (
            self.call(login, {"username": name, "password": password}).status
            for password in (PASSWORD, NEW)
        )
        link = self.call(f"/c/bearer/api/v1/auth/validate-reset-token/{token}").status
        told, recorded = (
            self.query(
                f"SELECT count(*) FROM {table} t "  # noqa: S608 (names of our own)
                "JOIN accounts_user u ON u.id = t.user_id "
                f"WHERE t.kind = 'password_changed' AND u.username = '{name}'"
            )[0][0]
            for table in ("accounts_outgoingmail", "accounts_auditevent")
        )
        return ResetResult(old, new, self.me(access), link, told, recorded)

    def holder(self, connection: http.client.HTTPConnection) -> int:
        """Return the worker that holds the other end of a connection, as the kernel lists it."""
        ours = f"{connection.sock.getsockname()[1]:04X}"
        theirs = f"0100007F:{self.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {row[9] for row in rows if row[1] == theirs and row[2].endswith(f":{ours}")}
        (holder,) = (pid for pid in self.workers() if inodes & sockets(pid))
        return holder

    @contextmanager
    def connection_to(self, worker: int) -> Iterator[http.client.HTTPConnection]:
        """Open a connection that this worker holds: the others are stopped meanwhile."""
        others = [pid for pid in self.workers() if pid != worker]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            connection = self.connect()
            assert self.call("/healthz", over=connection).status == 200
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
        assert self.holder(connection) == worker
        with closing(connection):
            yield connection

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        if self.database.startswith("sqlite"):
            connection = sqlite3.connect(
                self.database.removeprefix("sqlite:///"), timeout=10, isolation_level=None
            )
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()
        with psycopg.connect(self.database) as server:
            return server.execute(statement.encode()).fetchall()


class Template(NamedTuple):
    """A database after ``manage.py setup``, with Alice: servers get copies of it.

    ``users`` are accounts whom no test knows yet, with the password of the tests.
    """

    address: str
    users: list[str]
    admin_password: str


def make_template(address: str) -> Template:
    """Set up a database, and make Alice and a hundred others, in one process."""
    place = Server(address, WEB_CONCURRENCY="1")
    users = [f"user{os.urandom(6).hex()}" for _ in range(100)]
    place.run("shell", "-v", "0", "-c", SET_UP + MAKE_USERS.format(["alice", *users], PASSWORD))
    return Template(address, users, place.first_password())


class ResetResult(NamedTuple):
    """Statuses of both passwords, an older session and the link; counts of mails and events."""

    old: int
    new: int
    session: int
    link: int
    told: int
    recorded: int


RESET_WHOLE, RESET_NEVER = (
    ResetResult(401, 200, 401, 400, 1, 1),
    ResetResult(200, 401, 200, 200, 0, 0),
)
