"""Mail workers that compete, are killed, are told to stop, or lose their database."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts import password_reset
from accounts.mail import delivery
from accounts.models import OutgoingMail, PasswordReset, User
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.faults.mail_servers import request_resets
from tests.faults.processes import KEPT_VARIABLES, PROJECT
from tests.reset_mails import token_in

pytestmark = pytest.mark.django_db


NEW = "eine Zeile, die keiner kennt"


Status = OutgoingMail.Status


concurrent = pytest.mark.django_db(transaction=True)


@concurrent
def test_of_two_mails_that_are_sent_at_the_same_moment_one_is_good(alice, office):
    office.together = 2
    request_resets("alice", "alice")
    assert at_once(delivery.deliver_due, delivery.deliver_due) == [1, 1]
    tokens = [token_in(taken.text) for taken in office.taken]
    good = PasswordReset.objects.usable().filter(
        token_digest__in=map(password_reset.token_digest, tokens)
    )
    assert good.count() == 1


@concurrent
def test_two_workers_together_send_no_more_than_five_mails_an_hour(alice, office):
    request_resets(*["alice"] * 4)
    delivery.deliver_due()
    office.together = 6
    request_resets(*["alice"] * 3)
    at_once(delivery.deliver_due, delivery.deliver_due)
    assert office.delivered == {"alice@example.com": 5}


Worker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def worker(office, transactional_db, tmp_path) -> Iterator[Worker]:
    """Return a function that starts `manage.py deliver_mail` on the database of this test."""
    database = str(connection.settings_dict["NAME"])
    url = os.environ.get("DATABASE_URL", "")
    environment = {
        **{name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
        "DATABASE_URL": urlsplit(url)._replace(path=f"/{database}").geturl()
        if url
        else f"sqlite:///{database}",
        "DATA_DIR": str(tmp_path),
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(office.port),
        "EMAIL_USE_TLS": "false",
        "PUBLIC_URL": "http://testserver",
    }
    started: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "log").open("wb")

    def start(*arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "deliver_mail", *arguments]
        started.append(
            subprocess.Popen(command, cwd=PROJECT, env=environment | more, stdout=log, stderr=log)
        )
        return started[-1]

    yield start
    office.closed = False
    for process in started:
        process.kill()
        process.wait()
    log.close()


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def make_users(count: int) -> list[User]:
    return [
        User.objects.create_user(f"user{n}", PASSWORD, email=f"user{n}@example.com")
        for n in range(count)
    ]


def let_claims_run_out() -> None:
    OutgoingMail.objects.waiting().update(next_try_at=now(), claimed_until=now())


def kill_while_sending(process: "subprocess.Popen[bytes]", mail: OutgoingMail) -> None:
    """It dies at any moment between the claim of the row and shortly after the result is stored."""
    until(lambda: not OutgoingMail.objects.filter(pk=mail.pk, tries=0).exists())
    time.sleep(random.uniform(0, 0.15))
    process.kill()
    process.wait()


KILLED = 6


@concurrent
def test_a_worker_that_is_killed_at_any_moment_loses_no_mail(office, worker):
    for user in make_users(KILLED):
        request_resets(user.username)
        kill_while_sending(
            worker(MAIL_CLAIM="1h"), OutgoingMail.objects.get(identifier=user.username)
        )
    interrupted = OutgoingMail.objects.waiting().count()
    let_claims_run_out()
    assert worker("--once").wait(30) == 0
    assert set(OutgoingMail.objects.values_list("status", flat=True)) == {Status.SENT}
    assert set(office.delivered) == {f"user{n}@example.com" for n in range(KILLED)}
    assert max(office.delivered.values()) <= 2
    assert sum(office.delivered.values()) <= KILLED + interrupted


@concurrent
def test_another_worker_takes_over_when_the_claim_of_a_dead_one_has_run_out(alice, office, worker):
    office.closed = True
    request_resets("alice")
    dead = worker()
    until(lambda: len(office.taken) == 1)
    dead.kill()
    office.closed = False
    let_claims_run_out()
    worker()
    until(lambda: OutgoingMail.objects.filter(status=Status.SENT).exists())
    assert office.delivered == {"alice@example.com": 2}
    assert OutgoingMail.objects.get().tries == 2
    assert password_reset.use_token(token_in(office.taken[1].text), NEW) == alice


@concurrent
@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_ends_at_once(alice, office, worker, order):
    process = worker()
    request_resets("alice")
    until(lambda: OutgoingMail.objects.filter(status=Status.SENT).exists())
    process.send_signal(order)
    assert process.wait(3) == 0


@concurrent
def test_a_worker_that_is_told_to_stop_finishes_one_mail_and_leaves_the_rest(office, worker):
    """A supervisor waits ten seconds, and then kills the process."""
    office.pause = 0.2
    request_resets(*(user.username for user in make_users(60)))
    process = worker()
    until(lambda: len(office.taken) >= 2)
    process.terminate()
    assert process.wait(5) == 0
    sent = OutgoingMail.objects.filter(status=Status.SENT)
    assert sent.count() == len(office.taken) < 60
    assert not OutgoingMail.objects.waiting().filter(tries__gt=0).exists()


@concurrent
@pytest.mark.postgresql
def test_a_worker_outlives_its_database(alice, office, worker):
    """Its connections end during a delivery: it goes on, and sends the mail again."""
    office.closed = True
    request_resets("alice")
    process = worker()
    until(lambda: len(office.taken) == 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    let_claims_run_out()
    office.closed = False
    until(lambda: OutgoingMail.objects.filter(status=Status.SENT).exists())
    assert process.poll() is None
    assert office.delivered == {"alice@example.com": 2}
