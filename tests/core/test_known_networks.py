"""Strangers who guess at Alice's name, or share her address, do not keep her out where she has signed in before."""

import time
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from accounts import password_reset, passwords, rate_limits
from accounts.attempt_budgets import Budget, Place
from accounts.models import AuditEvent, KnownNetwork, OutgoingMail, Session, User
from accounts.operators import actions, user_actions
from accounts.privacy import erasure, retention
from tests.busy_month import session
from tests.conftest import PASSWORD
from tests.contracts.clients import CLIENTS

pytestmark = pytest.mark.django_db
HOME, ELSEWHERE, OFFICE = "192.0.2.7", "203.0.113.9", "2001:db8:0:7::1"
NEW = "eine Zeile, die keiner kennt"


def log_in(caller, name="alice", password=PASSWORD, at=HOME) -> Any:
    caller.http.defaults["REMOTE_ADDR"] = at
    return caller.json("/v1/login", {"username": name, "password": password})


def status(caller, name="alice", password=PASSWORD, at=HOME) -> int:
    return log_in(caller, name, password, at).status_code


def guess(caller, count, name="alice", at=ELSEWHERE) -> list[int]:
    return [status(caller, name, "wrong", at) for _ in range(count)]


@pytest.fixture
def at_home(caller, alice):
    """Alice has signed in at home."""
    assert status(caller) == 200


def test_strangers_who_guess_at_a_name_do_not_keep_its_owner_out(caller, at_home):
    assert guess(caller, 12) == [401] * 10 + [429] * 2
    assert [status(caller, at=at) for at in (HOME, ELSEWHERE, "198.51.100.1")] == [200, 429, 429]


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_so_it_is_in_every_contract(caller, at_home, client):
    guess(caller, 10)
    caller.http.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert client.log_in(caller).status_code == 429
    caller.http.defaults["REMOTE_ADDR"] = HOME
    assert client.log_in(caller).status_code == 200


def test_so_it_is_in_the_admin_and_on_the_page(caller, olga):
    page = {"identifier": "olga", "current": PASSWORD, "password": NEW, "again": NEW}
    sign_in = partial(
        Client().post,
        "/admin/login/",
        {"username": "olga", "password": PASSWORD, "next": "/admin/"},
    )
    assert sign_in(REMOTE_ADDR=HOME).status_code == 302
    guess(caller, 10, "olga")
    assert b"Too many login attempts" in sign_in(REMOTE_ADDR=ELSEWHERE).content
    assert sign_in(REMOTE_ADDR=HOME).status_code == 302
    assert [
        Client().post("/change-password", page, REMOTE_ADDR=at).status_code
        for at in (ELSEWHERE, HOME)
    ] == [429, 302]


def test_a_bad_neighbour_behind_the_same_address_keeps_nobody_out_who_signed_in_there(
    caller, at_home, bob, settings
):
    settings.LOGIN_RATE_PER_ADDRESS = "5/5m"
    assert {status(caller, f"nobody{number}", "wrong") for number in range(5)} == {401}
    assert [status(caller, name) for name in ("alice", "bob")] == [200, 429]


def test_a_name_and_the_address_of_one_account_share_a_budget(caller, alice):
    names = ("alice", "ALICE@example.com", " Alice ", "alice@example.com", "ａｌｉｃｅ") * 2
    assert {
        status(caller, name, "wrong", f"198.51.100.{number}") for number, name in enumerate(names)
    } == {401}
    assert [status(caller, name) for name in ("alice", "alice@example.com")] == [429] * 2


def test_wrong_guesses_at_home_close_home_and_nothing_else(caller, at_home):
    assert guess(caller, 11, at=HOME) == [401] * 10 + [429]
    assert [status(caller, at=at) for at in (HOME, ELSEWHERE)] == [429, 200]
    throttled = AuditEvent.objects.get(kind="throttled")
    assert (throttled.user, throttled.address) == (User.objects.get(username="alice"), HOME)


def test_wrong_guesses_at_home_leave_the_office_open(caller, at_home):
    assert status(caller, at=OFFICE) == 200
    guess(caller, 10, at=HOME)
    assert [status(caller, at=at) for at in (HOME, OFFICE)] == [429, 200]


def test_a_subscriber_of_a_64_is_at_home_in_all_of_it(caller, alice):
    assert status(caller, at=OFFICE) == 200
    guess(caller, 10)
    assert [status(caller, at=at) for at in ("2001:db8:0:7:ffff::2", "2001:db8:0:8::1")] == [
        200,
        429,
    ]
    assert KnownNetwork.objects.get().network == "2001:db8:0:7::"


def test_a_wrong_password_makes_no_network_known(caller, alice):
    guess(caller, 10)
    assert not KnownNetwork.objects.exists()


def test_a_password_that_must_be_changed_makes_no_network_known(caller, alice):
    passwords.set_temporary(alice, "set by Olga, for once")
    given = log_in(caller, password="set by Olga, for once").json()["session"]
    assert not KnownNetwork.objects.exists()
    answer = {"session": given, "username": "alice", "new_password": NEW}
    assert caller.json("/v1/new-password-required", answer).status_code == 200
    assert KnownNetwork.objects.get().network == HOME


def test_a_network_is_forgotten_after_ninety_days(caller, at_home):
    KnownNetwork.objects.update(last_seen_at=now() - timedelta(days=90, seconds=1))
    guess(caller, 10)
    assert status(caller) == 429
    assert retention.prune(timedelta(days=365))["accounts.KnownNetwork"] == 1


def test_a_network_in_use_is_not_forgotten(caller, at_home):
    KnownNetwork.objects.update(
        first_seen_at=now() - timedelta(days=200), last_seen_at=now() - timedelta(days=89)
    )
    assert status(caller) == 200
    (known,) = KnownNetwork.objects.all()
    assert (known.last_seen_at - known.first_seen_at).days == 200
    assert retention.prune(timedelta(0))["accounts.KnownNetwork"] == 0


def test_a_network_is_seen_again_a_day_later(caller, at_home):
    """Or one in daily use would be forgotten where the operator keeps networks for two days."""
    KnownNetwork.objects.update(last_seen_at=now() - timedelta(hours=25))
    assert status(caller) == 200
    assert now() - KnownNetwork.objects.get().last_seen_at < timedelta(hours=1)


@pytest.mark.own_sql
def test_a_person_who_is_erased_leaves_no_network(caller, at_home, bob):
    assert status(caller, "bob") == 200
    erasure.erase(User.objects.get(username="alice"))
    assert KnownNetwork.objects.get().user == bob


def test_wrong_codes_of_strangers_keep_nobody_out_either(caller, at_home):
    body = {"username": "alice", "password": NEW, "confirmation_code": "WrongC0d"}
    caller.http.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert [caller.json("/v1/forgot-password-confirm", body).status_code for _ in range(11)] == [
        401
    ] * 10 + [429]
    assert status(caller) == 200


# New passwords


def by_link(caller, alice):
    body = {"token": password_reset.make(alice).token, "new_password": NEW}
    return caller.json("/api/v1/auth/reset-password", body).status_code


def by_code(caller, alice):
    body = {
        "username": "alice",
        "password": NEW,
        "confirmation_code": password_reset.make(alice).code,
    }
    return caller.json("/v1/forgot-password-confirm", body).status_code


def by_page(caller, alice):
    caller.http.cookies["authsvc_reset"] = password_reset.make(alice).token
    return caller.http.post("/reset", {"password": NEW, "again": NEW}).status_code


def by_change(caller, alice):
    passwords.set_temporary(alice, "set by Olga, for once")
    page = {
        "identifier": "alice",
        "current": "set by Olga, for once",
        "password": NEW,
        "again": NEW,
    }
    return caller.http.post("/change-password", page).status_code


@pytest.mark.parametrize("way", [by_link, by_code, by_page, by_change])
def test_strangers_who_guess_on_keep_nobody_out_where_a_new_password_was_chosen(
    caller, at_home, way
):
    """Alice is on a journey; the mail about her new password tells of it, and no other."""
    if way in (by_link, by_page):
        guess(caller, 11)
    caller.http.defaults["REMOTE_ADDR"] = OFFICE
    assert way(caller, User.objects.get(username="alice")) in (200, 302)
    assert guess(caller, 12) == [401] * 10 + [429] * 2
    assert [status(caller, password=NEW, at=at) for at in (OFFICE, HOME, "198.51.100.1")] == [
        200,
        200,
        429,
    ]
    assert list(OutgoingMail.objects.values_list("template", flat=True)) == ["password_changed"]


@pytest.mark.parametrize("way", [by_link, by_code])
def test_a_reset_that_is_refused_makes_no_network_known(caller, alice, way):
    weak = partial(
        caller.json,
        "/api/v1/auth/reset-password",
        {"token": password_reset.make(alice).token, "new_password": "short"},
    )
    assert weak().status_code == 400
    User.objects.update(is_active=False)
    assert way(caller, alice) in (400, 401)
    assert not KnownNetwork.objects.exists()


# How long strangers wait


def test_a_window_begins_with_its_first_attempt_for_all():
    """The clock gives no moment around which guesses would have two budgets, or tell a name that nobody has from an account's."""
    nobody = Budget("strangers", "name:nobody", "10/5m")
    end = nobody._window()
    assert 299 <= end - int(time.time()) <= 300
    time.sleep(1.1)
    assert nobody._window() == end
    cache.set(nobody.key("window 10/5m"), 10**15)  # no process has written that
    assert 299 <= nobody._window() - int(time.time()) <= 300


def test_what_a_count_is_called_cannot_be_computed_from_a_name(settings):
    """Whoever sees the keys in Redis would find out by trying which names were typed, passwords among them."""
    seen = set()
    for secret in ("a", "b", "c"):
        settings.SECRET_KEY = secret * 40
        nobody = Budget("strangers", "name:nobody", "10/5m")
        seen |= {nobody._closed, nobody.key("level"), nobody.place().taken, nobody.place().failed}
        seen.add(rate_limits._count("mails", "203.0.113.9", "1/28d")["time_left"])
    assert len(seen) == 3 * 5


def the_lock_ends(strangers):
    """As its keys do in the cache when their time has come."""
    place = Place(strangers, strangers._window())
    cache.delete_many([strangers._closed, place.taken, place.failed])


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_with_each_lock_strangers_wait_longer(caller, alice, name):
    """Five minutes, fifteen, an hour. A name that nobody has locks alike."""
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


# Guesses too slow for that


def slowly(caller, count, name="alice") -> list[Any]:
    """Nine in each window, from everywhere: what the short window counted is gone before the tenth."""
    user = User.objects.find(name)
    strangers = rate_limits._strangers_budget(rate_limits.account(user) if user else f"name:{name}")
    answers = []
    for number in range(count):
        if number % 9 == 0:
            cache.delete_many([strangers.place().taken, strangers.place().failed])
        answers.append(log_in(caller, name, "wrong", f"198.51.100.{number}"))
    return answers


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_who_guesses_slowly_is_refused_after_a_hundred_guesses(caller, at_home, name):
    """Until the long window ends. A name that nobody has locks alike."""
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
def test_who_was_guessed_at_slowly_is_unlocked_like_anybody(caller, at_home, settings, olga, by):
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
    """A guess that began before the lock was the tenth of its window."""
    settings.LOGIN_RATE_PER_NAME, settings.LOGIN_RATE_PER_NAME_DAILY = "2/1s", "1/28d"
    strangers = rate_limits._strangers_budget("name:nobody")
    assert strangers._long
    places = [strangers.take() for _ in range(2)]
    for place in places:
        place.spend()
        assert abs(strangers.closed_for() - (strangers._long.place().window - time.time())) < 2


@pytest.mark.parametrize("by", ["link", "operator"])
def test_who_is_unlocked_begins_anew(caller, at_home, olga, by):
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


def test_whoever_is_locked_again_after_an_unlock_is_on_record_again(caller, alice, olga):
    for times in (1, 2):
        guess(caller, 12)
        assert AuditEvent.objects.filter(kind="throttled").count() == times
        assert actions.carry_out(user_actions.UNLOCK, operator=olga, user=alice)


def test_an_address_that_guesses_at_many_names_waits_no_longer_than_its_window(caller, settings):
    """A day would be too long for whoever is behind it too."""
    settings.LOGIN_RATE_PER_ADDRESS = "1/1s"
    for number in range(3):
        assert status(caller, f"nobody{number}", "wrong") == 401
        time.sleep(1.1)


def test_an_operator_can_unlock_who_mistyped_at_home(caller, at_home, olga):
    guess(caller, 10, at=HOME)
    alice = User.objects.get(username="alice")
    assert (rate_limits.locked_for(alice), status(caller)) == (None, 429)
    assert actions.carry_out(user_actions.UNLOCK, operator=olga, user=alice)
    assert status(caller) == 200


# The release before


def test_an_upgrade_knows_the_networks_of_the_sessions_that_are_there(alice, bob):
    days = {HOME: 3, "192.0.2.8": 91, OFFICE: 5, "2001:db8:0:7::2": 2}
    for address, age in days.items():
        made = session(alice, "bearer", address=address)
        Session.objects.filter(pk=made.pk).update(created_at=now() - timedelta(days=age))
    session(bob, "bearer", address=None)
    import_module("accounts.migrations.0012_known_networks").fill(
        apps, connection.SchemaEditorClass(connection, atomic=False)
    )
    known = KnownNetwork.objects.order_by("network").values_list(
        "user__username", "network", "last_seen_at"
    )
    assert {(name, network, (now() - seen).days) for name, network, seen in known} == {
        ("alice", HOME, 3),
        ("alice", "2001:db8:0:7::", 2),
    }
