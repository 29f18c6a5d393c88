"""Known networks: Alice gets in from there, however many strangers guess at her name."""

from datetime import timedelta
from functools import partial
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from accounts import password_reset, passwords
from accounts.models import AuditEvent, KnownNetwork, OutgoingMail, Session, User
from accounts.privacy import erasure, retention
from tests.busy_month import session
from tests.conftest import PASSWORD
from tests.contracts.clients import CLIENTS
from tests.core.networks import ELSEWHERE, HOME, OFFICE, guess, log_in, status

pytestmark = pytest.mark.django_db
NEW = "eine Zeile, die keiner kennt"


def test_strangers_who_guess_at_a_name_do_not_keep_its_owner_out(caller, at_home):
    assert guess(caller, 12) == [401] * 10 + [429] * 2
    assert [status(caller, at=at) for at in (HOME, ELSEWHERE, "198.51.100.1")] == [200, 429, 429]


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_known_network_counts_in_every_contract(caller, at_home, client):
    guess(caller, 10)
    caller.http.defaults["REMOTE_ADDR"] = ELSEWHERE
    assert client.log_in(caller).status_code == 429
    caller.http.defaults["REMOTE_ADDR"] = HOME
    assert client.log_in(caller).status_code == 200


def test_a_known_network_counts_in_the_admin_and_on_the_page(caller, olga):
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


def test_guesses_from_the_same_address_at_others_lock_no_account_known_there(
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
    """Otherwise one in daily use would be forgotten where networks are kept for two days."""
    KnownNetwork.objects.update(last_seen_at=now() - timedelta(hours=25))
    assert status(caller) == 200
    assert now() - KnownNetwork.objects.get().last_seen_at < timedelta(hours=1)


@pytest.mark.own_sql
def test_an_erased_user_leaves_no_network(caller, at_home, bob):
    assert status(caller, "bob") == 200
    erasure.erase(User.objects.get(username="alice"))
    assert KnownNetwork.objects.get().user == bob


def test_wrong_codes_of_strangers_do_not_keep_the_owner_out(caller, at_home):
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
def test_strangers_who_guess_on_do_not_keep_the_owner_out_of_the_network_of_a_new_password(
    caller, at_home, way
):
    """Alice is on a journey; only the mail about her new password tells of the network."""
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


# Upgrades


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
