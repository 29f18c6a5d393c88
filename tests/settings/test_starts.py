"""Starts of servers and commands with wrong settings."""

import re
import runpy
import socket
from types import SimpleNamespace

import pytest
from gunicorn import util
from gunicorn.config import Config

from tests.faults.processes import free_port
from tests.settings.conftest import ROOT


def test_the_wsgi_module_stops_in_the_same_way(run):
    stopped = run("-c", "import authsvc.wsgi", PORT="many")
    assert stopped.returncode != 0
    assert (
        stopped.stderr.strip()
        == "authsvc cannot start: PORT must be a whole number from 1 to 65535."
    )


GUNICORN = ("-m", "gunicorn", "authsvc.wsgi:application")


COMMANDS = [
    ("manage.py", "serve"),
    ("manage.py", "setup"),
    ("manage.py", "deliver_mail", "--once"),
]


# Commands read the environment where their settings do; gunicorn's own configuration reads it, too.
EVERY_START = [
    *((start, {"SECRET_KEY": "hunter2"}) for start in (*COMMANDS, GUNICORN)),
    (GUNICORN, {"WEB_CONCURRENCY": "2"}),
    (GUNICORN, {"PORT": "99999"}),
]


@pytest.mark.parametrize(("start", "environment"), EVERY_START, ids=str)
def test_every_way_to_start_stops_with_one_sentence(run, start, environment):
    stopped = run(*start, **{"PORT": str(free_port())} | environment)
    said = [
        line for line in stopped.stderr.splitlines() if not re.match(r"\[\d{4}-.*\[INFO\]", line)
    ]
    assert stopped.returncode != 0
    assert len(said) == 1
    assert said[0].startswith(f"authsvc cannot start: {next(iter(environment))} ")
    assert "hunter2" not in stopped.stdout + stopped.stderr


@pytest.fixture
def bound_to(monkeypatch):
    """Return a function that calls the hook of gunicorn.conf.py that comes before the sockets."""

    def starting(address):
        for name, value in {"BIND": address, "PORT": "8000", "THREADS": "4"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(util, "write_error", util.write_error)  # which the file replaces
        read = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
        config = Config()
        config.set("bind", read["bind"])
        read["on_starting"](SimpleNamespace(cfg=config))

    return starting


@pytest.mark.parametrize(
    "address", ["foo.invalid", "192.0.2.1", "127.0.0.1:99999", "[2001:db8::1]"]
)
def test_an_address_that_is_not_of_this_machine_is_refused(bound_to, address):
    with pytest.raises(SystemExit, match="start: BIND must be an address of this machine"):
        bound_to(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "127.0.0.1:0", "[::1]", "unix:/x"])
def test_an_address_of_this_machine_is_not(bound_to, address):
    bound_to(address)


def test_an_address_is_refused_before_anything_is_served(run):
    stopped = run(*GUNICORN, PORT=str(free_port()), BIND="192.0.2.1")
    assert stopped.returncode != 0
    assert "authsvc cannot start: BIND must be an address of this machine" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "Serving on" not in stopped.stdout


def test_serving_is_said_only_of_a_port_that_is_bound(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stopped = run("manage.py", "serve", PORT=str(taken.getsockname()[1]))
    assert stopped.returncode != 0
    assert "Connection in use" in stopped.stderr
    assert "Serving on" not in stopped.stdout


@pytest.mark.parametrize(
    "said",
    [{"more": ["--workers", "2"]}, {"GUNICORN_CMD_ARGS": "--workers=2"}],
    ids=["an argument", "the environment"],
)
def test_several_processes_need_redis_however_they_are_asked_for(run, said):
    stopped = run(*GUNICORN, *said.pop("more", []), PORT=str(free_port()), **said)
    assert stopped.returncode != 0
    assert "--workers (WEB_CONCURRENCY) above 1 needs REDIS_URL" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_several_processes_with_redis_are_welcome(read):
    assert read(WEB_CONCURRENCY="4", REDIS_URL="redis://localhost")["WEB_CONCURRENCY"] == 4
