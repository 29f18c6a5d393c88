"""Logins of Alice from home and from elsewhere."""

from typing import Any

from tests.conftest import PASSWORD

HOME, ELSEWHERE, OFFICE = "192.0.2.7", "203.0.113.9", "2001:db8:0:7::1"


def log_in(caller, name="alice", password=PASSWORD, at=HOME) -> Any:
    caller.http.defaults["REMOTE_ADDR"] = at
    return caller.json("/v1/login", {"username": name, "password": password})


def status(caller, name="alice", password=PASSWORD, at=HOME) -> int:
    return log_in(caller, name, password, at).status_code


def guess(caller, count, name="alice", at=ELSEWHERE) -> list[int]:
    return [status(caller, name, "wrong", at) for _ in range(count)]
