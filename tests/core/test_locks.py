"""Locks of an account for strangers: how long they last, and what ends them."""

import time
from typing import Any

import pytest
from django.core.cache import cache

from accounts import password_reset, rate_limits
from accounts.attempt_budgets import Budget, Place
from accounts.models import AuditEvent, User
from accounts.operators import actions, user_actions
from tests.conftest import PASSWORD
from tests.core.networks import ELSEWHERE, HOME, guess, log_in, status

pytestmark = pytest.mark.django_db


# Locks that last longer each time


def test_a_window_begins_with_its_first_attempt_for_all():
    """No moment of the clock gives guesses two budgets, or tells unknown names from known ones."""
    nobody = Budget("strangers", "name:nobody", "10/5m")
    end = nobody._window()
    assert 299 <= end - int(time.time()) <= 300
    time.sleep(1.1)
    assert nobody._window() == end
    cache.set(nobody.key("window 10/5m"), 10**15)  # no process has written that
    assert 299 <= nobody._window() - int(time.time()) <= 300


def test_the_key_of_a_count_cannot_be_computed_from_an_identifier(settings):
    """A reader of Redis could otherwise try identifiers, and passwords typed in their place."""
    seen = set()
    for secret in ("a", "b", "c"):
        settings.SECRET_KEY = secret * 40
        nobody = Budget("strangers", "name:nobody", "10/5m")
        seen |= {nobody._closed, nobody.key("level"), nobody.place().taken, nobody.place().failed}
        seen.add(rate_limits._count("mails", "203.0.113.9", "1/28d")["time_left"])
    assert len(seen) == 3 * 5


def the_lock_ends(strangers):
    """Delete the lock's keys, as the cache does when they expire."""
    place = Place(strangers, strangers._window())
    cache.delete_many([strangers._closed, place.taken, place.failed])


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_with_each_lock_strangers_wait_longer(caller, alice, name):
    """Locks last five minutes, fifteen, an hour. An unknown identifier locks alike."""
    strangers = rate_limits._strangers_budget(
        rate_limits.account(alice) if name == "alice" else "name:nobody"
    )
    for minutes in (5, 15, 60):
        answers = [log_in(caller, name, "wrong") for _ in range(11)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429]
        assert minutes - 2 < int(answers[-1]["Retry-After"]) / 60 <= minutes
        the_lock_ends(strangers)


def test_the_longest_wait_is_a_day(settings):
    settings.LOGIN_RATE_PER_NAME = "1/1h"
    strangers = rate_limits._strangers_budget("name:nobody")
    for expected in (1, 3, 12, 24, 24, 24):
        strangers.close(int(time.time()) + 3600)
        assert round(strangers.closed_for() / 3600) == expected


def test_guesses_of_a_window_that_has_ended_count_no_more(settings):
    settings.LOGIN_RATE_PER_NAME = "2/1s"
    strangers = rate_limits._strangers_budget("name:nobody")
    for _ in range(2):
        strangers.take().spend()
        time.sleep(1.1)
    assert cache.get(strangers.key("level")) is None, "it was closed"


def test_a_lock_that_has_ended_is_remembered_for_a_day(settings):
    settings.LOGIN_RATE_PER_NAME = "1/1s"
    strangers = rate_limits._strangers_budget("name:nobody")
    for locks in (1, 2):
        strangers.close(int(time.time()) + 1)
        time.sleep(1.1 if locks == 1 else 0)
        assert cache.get(strangers.key("level")) == locks


def locked(user):
    wait = rate_limits.locked_for(user)
    return wait and round(wait.total_seconds() / 60)


def lock_twice(user):
    strangers = rate_limits._strangers_budget(rate_limits.account(user))
    for _ in range(2):
        strangers.close(int(time.time()) + 300)


# Slow guesses


def slowly(caller, count, name="alice") -> list[Any]:
    """Send nine guesses in each window, from everywhere: the window ends before the tenth."""
    user = User.objects.find(name)
    strangers = rate_limits._strangers_budget(rate_limits.account(user) if user else f"name:{name}")
    answers = []
    for number in range(count):
        if number % 9 == 0:
            cache.delete_many([strangers.place().taken, strangers.place().failed])
        answers.append(log_in(caller, name, "wrong", f"198.51.100.{number}"))
    return answers


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_slow_guesses_are_refused_after_a_hundred(caller, at_home, name):
    """The lock lasts until the long window ends. An unknown identifier locks alike."""
    answers = slowly(caller, 103, name)
    assert [answer.status_code for answer in answers] == [401] * 100 + [429] * 3
    user = User.objects.find(name)
    strangers = rate_limits._strangers_budget(rate_limits.account(user) if user else f"name:{name}")
    assert strangers._long
    assert abs(int(answers[-1]["Retry-After"]) - (strangers._long.place().window - time.time())) < 5
    throttled = AuditEvent.objects.get(kind="throttled")
    assert (throttled.user, throttled.name, throttled.data) == (
        user,
        name,
        {"limit": 100, "seconds": 86_400},
    )
    assert [status(caller, at=HOME), status(caller, name, at=ELSEWHERE)] == [200, 429]


@pytest.mark.parametrize("by", ["link", "operator"])
def test_a_lock_by_slow_guesses_is_unlocked_like_any_other(caller, at_home, settings, olga, by):
    settings.LOGIN_RATE_PER_NAME_DAILY = "12/1d"
    for times in (1, 2):
        assert [answer.status_code for answer in slowly(caller, 14)] == [401] * 12 + [429] * 2
        alice = User.objects.get(username="alice")
        assert rate_limits.locked_for(alice)
        assert rate_limits.locked_after(alice) == 12
        assert AuditEvent.objects.filter(kind="throttled").count() == times
        if by == "link":
            password_reset.use_token(password_reset.make(alice).token, PASSWORD)
        else:
            assert actions.carry_out(user_actions.UNLOCK, operator=olga, user=alice)
        assert rate_limits.locked_for(alice) is None


def test_guesses_at_home_and_right_ones_do_not_count_for_the_day(caller, at_home, settings):
    settings.LOGIN_RATE_PER_NAME_DAILY = "3/1d"
    assert guess(caller, 6, at=HOME) == [401] * 6
    assert {status(caller, at=f"203.0.113.{number}") for number in range(5)} == {200}
    assert guess(caller, 4, at="198.51.100.1") == [401] * 3 + [429]


def test_a_short_lock_does_not_end_a_long_one(settings):
    """A guess that began before the long lock was the tenth of its short window."""
    settings.LOGIN_RATE_PER_NAME, settings.LOGIN_RATE_PER_NAME_DAILY = "2/1s", "1/28d"
    strangers = rate_limits._strangers_budget("name:nobody")
    assert strangers._long
    places = [strangers.take() for _ in range(2)]
    for place in places:
        place.spend()
        assert abs(strangers.closed_for() - (strangers._long.place().window - time.time())) < 2


@pytest.mark.parametrize("by", ["link", "operator"])
def test_an_unlocked_account_begins_anew(caller, at_home, olga, by):
    lock_twice(User.objects.get(username="alice"))
    guess(caller, 10, at=HOME)
    alice = User.objects.get(username="alice")
    assert (locked(alice), status(caller, at=HOME)) == (15, 429)
    if by == "link":
        password_reset.use_token(password_reset.make(alice).token, PASSWORD)
    else:
        actions.carry_out(user_actions.UNLOCK, operator=olga, user=alice)
    assert (locked(alice), status(caller, at=HOME), status(caller, at=ELSEWHERE)) == (
        None,
        200,
        200,
    )
    guess(caller, 10, at="198.51.100.1")
    assert locked(alice) == 5


def test_a_lock_after_an_unlock_is_recorded_again(caller, alice, olga):
    for times in (1, 2):
        guess(caller, 12)
        assert AuditEvent.objects.filter(kind="throttled").count() == times
        assert actions.carry_out(user_actions.UNLOCK, operator=olga, user=alice)


def test_an_address_that_guesses_at_many_names_waits_no_longer_than_its_window(caller, settings):
    """A day would be too long for other users of the same address."""
    settings.LOGIN_RATE_PER_ADDRESS = "1/1s"
    for number in range(3):
        assert status(caller, f"nobody{number}", "wrong") == 401
        time.sleep(1.1)


def test_an_operator_can_unlock_a_known_network(caller, at_home, olga):
    guess(caller, 10, at=HOME)
    alice = User.objects.get(username="alice")
    assert (rate_limits.locked_for(alice), status(caller)) == (None, 429)
    assert actions.carry_out(user_actions.UNLOCK, operator=olga, user=alice)
    assert status(caller) == 200
