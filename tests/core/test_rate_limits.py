"""Budgets of guesses: one of an account for all logins, and what counts against it."""

import itertools
from contextlib import ExitStack

import pytest

from accounts import rate_limits
from accounts.models import AuditEvent, User
from tests.conftest import PASSWORD
from tests.core.logins import LOGINS

pytestmark = pytest.mark.django_db
SPELLINGS = [
    "alice",
    "ALICE",
    " alice ",
    "Alice",
    "ａｌｉｃｅ",
    "ＡＬＩＣＥ",
    "\talice",
    "alice\u3000",
    "ⓐⓛⓘⓒⓔ",
    "𝐚𝐥𝐢𝐜𝐞",
]


def test_ten_wrong_guesses_at_all_logins_in_all_spellings_from_everywhere_close_every_login(
    log_in, alice
):
    logins = itertools.cycle(LOGINS)
    for count, spelling in enumerate(SPELLINGS):
        forged = {
            "X-Forwarded-For": f"203.0.113.{count}",
            "X-Real-IP": f"203.0.113.{count}",
            "Forwarded": f"for=203.0.113.{count}",
        }
        assert log_in(
            spelling, "wrong", next(logins), f"192.0.2.{count}", **forged
        ).status_code in (
            400,
            401,
        )
    for login, spelling in zip(LOGINS, itertools.cycle(SPELLINGS), strict=False):
        answer = log_in(spelling, PASSWORD, login, "198.51.100.7")
        assert answer.status_code == 429
        assert 1 <= int(answer["Retry-After"]) <= 300
        assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("login", LOGINS, ids=" ".join)
def test_each_login_counts(log_in, alice, login):
    assert {log_in("alice", "wrong", login).status_code for _ in range(10)} <= {400, 401}
    assert log_in("alice", PASSWORD, login).status_code == 429


def test_an_address_is_a_name_too(log_in, alice):
    for spelling in (
        "alice@example.com",
        "ALICE@EXAMPLE.COM",
        " alice@example.com",
        "ａｌｉｃｅ@example.com",
        "Alice@Example.Com ",
    ) * 2:
        log_in(spelling, "wrong")
    assert log_in("alice@example.com", PASSWORD).status_code == 429


def test_a_malformed_request_is_no_guess(caller, log_in, alice):
    for body in (
        b"{",
        b"[]",
        b'{"username": "alice"}',
        b'{"username": "alice", "password": 5}',
        b'{"username": "alice", "password": ""}',
    ) * 4:
        assert caller.json("/v1/login", body).status_code in (400, 422)
    assert log_in("alice", PASSWORD).status_code == 200


def test_an_unknown_identifier_locks_like_any_other(log_in, alice):
    answers = {
        name: [log_in(name, "wrong") for _ in range(13)]
        for name in ("alice", "nobody", "n" * 900, "🙂")
    }
    seen = {
        name: [(answer.status_code, answer.content) for answer in given]
        for name, given in answers.items()
    }
    assert [status for status, _ in seen["alice"]] == [401] * 10 + [429] * 3
    assert all(given == seen["alice"] for given in seen.values())


def test_another_account_from_the_same_address_still_gets_in(log_in, alice, bob):
    for _ in range(15):
        log_in("alice", "wrong")
    assert log_in("alice", PASSWORD).status_code == 429
    assert log_in("bob", PASSWORD).status_code == 200


def test_a_right_guess_is_given_back_and_the_wrong_ones_before_it_are_not(log_in, alice):
    assert {log_in("alice", PASSWORD).status_code for _ in range(25)} == {200}
    assert {log_in("alice", "wrong").status_code for _ in range(9)} == {401}
    assert log_in("alice", PASSWORD).status_code == 200
    assert log_in("alice", "wrong").status_code == 401
    assert log_in("alice", PASSWORD).status_code == 429


def test_an_attempt_while_ten_others_are_checked_is_told_to_come_back_and_locks_nothing(
    log_in, alice
):
    """While ten right passwords of Alice are checked, the eleventh is refused after half a second.

    Afterwards it is accepted.
    """
    with ExitStack() as under_way:
        for _ in range(10):
            under_way.enter_context(rate_limits.login_attempt("alice"))
        for login in LOGINS[-3:]:
            answer = log_in("alice", PASSWORD, login)
            assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (
                429,
                "1",
                "application/json",
            )
    assert log_in("alice", PASSWORD).status_code == 200
    assert {log_in("alice", "wrong").status_code for _ in range(10)} == {401}
    assert not AuditEvent.objects.filter(kind="throttled").exists()


def test_a_password_that_must_be_changed_was_a_right_guess(log_in, alice):
    User.objects.update(must_change_password=True)
    assert {log_in("alice", PASSWORD).status_code for _ in range(12)} == {403}


def test_guesses_while_locked_are_refused_the_same_and_recorded_once(log_in, alice):
    refused = [log_in("alice", "wrong") for _ in range(30)][10:] + [
        log_in("alice", PASSWORD) for _ in range(5)
    ]
    assert {(answer.status_code, answer.content) for answer in refused} == {
        (429, refused[0].content)
    }
    assert AuditEvent.objects.filter(kind="throttled").count() == 1
    assert AuditEvent.objects.filter(kind="login_failed").count() == 10
