"""Nodes whose clocks are five minutes off: times that matter are the database's."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.faults.servers import Server

MINUTES = 60
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    if (id == CLOCK_REALTIME) at->tv_sec += atoi(getenv("CLOCK_AHEAD"));
    return result;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    *at = (struct timeval) {now.tv_sec, now.tv_nsec / 1000};
    return result;
}
"""


@pytest.fixture(scope="module")
def clock(tmp_path_factory) -> Path:
    """Compile the library that the loader puts in place of the C library's clock."""
    if not shutil.which("cc"):
        lacking("there is no C compiler on this machine")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(CLOCK)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", "clock.so", "clock.c", "-ldl"], cwd=folder, check=True
    )
    return folder / "clock.so"


@contextmanager
def beside(server: Server, clock: Path, ahead: int) -> Iterator[Server]:
    """Start another node of the same service."""
    public = f"http://localhost:{server.port}"
    with Server(
        server.database, PUBLIC_URL=public, LD_PRELOAD=str(clock), CLOCK_AHEAD=str(ahead)
    ) as node:
        node.start()
        yield node


@pytest.fixture(scope="module")
def ahead(running, clock) -> Iterator[Server]:
    with beside(running, clock, 5 * MINUTES) as node:
        yield node


@pytest.fixture(scope="module")
def behind(running, clock) -> Iterator[Server]:
    with beside(running, clock, -5 * MINUTES) as node:
        yield node


def test_a_token_of_a_node_that_is_ahead_is_refused_elsewhere_and_loses_nothing(
    server, user, ahead
):
    early, present = ahead.log_in_by_form(user), server.log_in_by_form(user)
    assert (ahead.me(present["access"]), ahead.rotate(present).status) == (200, 200)
    assert (server.me(early["access"]), server.rotate(early).status) == (401, 401)
    assert (ahead.me(early["access"]), ahead.rotate(early).status) == (200, 200)


def test_a_node_that_is_behind_refuses_the_tokens_of_others_and_its_own_are_good_everywhere(
    server, user, behind
):
    late, present = behind.log_in_by_form(user), server.log_in_by_form(user)
    assert (behind.me(present["access"]), behind.rotate(present).status) == (401, 401)
    assert (server.me(present["access"]), server.rotate(present).status) == (200, 200)
    assert (server.me(late["access"]), server.rotate(late).status) == (200, 200)


@pytest.mark.postgresql
def test_ten_seconds_of_grace_are_ten_of_the_databases(server, user, ahead, behind):
    """For one node, the rotation was five minutes ago; for the other, it is in five minutes."""
    nodes = (ahead, behind, server)
    pairs = [behind.log_in_by_form(user) for _ in nodes]
    for pair, first in zip(pairs, nodes, strict=True):
        answers = [node.rotate(pair) for node in (first, *nodes)]
        assert {answer.status for answer in answers} == {200}
        assert len({answer.json()["refresh_token"]["token"] for answer in answers}) == 1
    server.query(
        "UPDATE accounts_session SET rotated_at = rotated_at - interval '11 seconds' RETURNING id"
    )
    for pair, last in zip(pairs, nodes, strict=True):
        assert last.rotate(pair).status == 401
        assert [node.me(pair["access"]) for node in nodes] == [401] * 3
