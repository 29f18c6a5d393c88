"""Olga and Stan act on many users at once, and operators on one another."""

from functools import partial

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import User
from accounts.operators import permissions
from tests.admin.actions import (
    LIST,
    LOGIN,
    choose_action,
    confirm_action,
    events,
    open_action,
    refresh,
    text,
)
from tests.concurrency import at_once
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


def test_many_are_deactivated_and_the_rest_is_skipped(as_olga, olga, alice, bob, carol):
    User.objects.filter(pk=carol.pk).update(is_active=False)
    answer = choose_action(as_olga, "deactivate", alice, bob, carol, olga)
    assert (answer.status_code, answer.context["title"]) == (200, "Deactivate: 2 users")
    assert [(names.heading, names.shown) for names in answer.context["skipped"]] == [
        ("Is deactivated already", ["carol (carol@example.com)"]),
        ("No operator does this to themselves", ["olga (olga@example.com)"]),
    ]
    assert User.objects.filter(is_active=True).count() == 3
    answer = confirm_action(as_olga, "deactivate", alice, bob, next=LIST + "?q=a")
    assert (answer.status_code, answer.context["title"], answer.context["back"]) == (
        200,
        "Deactivated 2 users.",
        LIST + "?q=a",
    )
    assert list(User.objects.filter(is_active=True)) == [olga]
    assert [event[:3] for event in events()] == [
        ("deactivated", name, "olga") for name in ("alice", "bob")
    ]


def test_rows_posted_past_the_page_are_tried_and_recorded(as_stan, stan, olga, alice):
    answer = confirm_action(as_stan, "deactivate", alice, olga, stan)
    assert (answer.status_code, answer.context["title"]) == (200, "Deactivated alice.")
    left = {names.heading: names.rows for names in answer.context["skipped"]}
    assert left == {
        "Only super admins decide about this": [olga],
        "No operator does this to themselves": [stan],
    }
    assert set(User.objects.filter(is_active=True)) == {olga, stan}
    assert {event[:2] for event in events()} == {
        ("deactivated", "alice"),
        ("act_refused", "olga"),
        ("act_refused", "stan"),
    }


def test_a_row_at_which_the_database_is_busy_is_reported_and_stops_no_other(as_olga, alice, bob):
    def busy(run, sql, parameters, many, context):
        if sql.startswith('UPDATE "accounts_user" SET') and bob.pk in parameters:
            raise OperationalError("database is locked")
        return run(sql, parameters, many, context)

    with connection.execute_wrapper(busy):
        answer = confirm_action(as_olga, "deactivate", alice, bob)
    assert (answer.status_code, answer.context["title"]) == (200, "Deactivated alice.")
    assert {names.heading: names.rows for names in answer.context["skipped"]} == {
        "The database was busy: try again": [bob]
    }
    assert "The database was busy: try again" in text(answer)
    refresh(alice, bob)
    assert (alice.is_active, bob.is_active) == (False, True)
    assert [event[:2] for event in events()] == [("deactivated", "alice")]


def test_temporary_passwords_for_many_are_all_shown(as_olga, alice, bob, caller):
    answer = confirm_action(as_olga, "temporary_password", alice, bob)
    for user, temporary in answer.context["secrets"]:
        asked = {"username": user.partition(" ")[0], "password": temporary}
        assert caller.json("/api/auth/login", asked).json()["message"] == "Password change required"
    assert len(answer.context["secrets"]) == 2


def test_a_long_list_is_shown_in_part(as_olga):
    users = [User.objects.create_user(f"user{number:02}") for number in range(25)]
    assert "and 5 more" in text(choose_action(as_olga, "deactivate", *users))


def test_a_page_about_many_asks_the_database_no_more_often(
    as_olga, alice, django_assert_max_num_queries
):
    users = [User.objects.create_user(f"user{number:02}") for number in range(30)]
    for name in ("end_sessions", "end_keys", "unlock", "deactivate"):
        with django_assert_max_num_queries(12):
            choose_action(as_olga, name, *users)
        with django_assert_max_num_queries(8):
            open_action(as_olga, name, *users)


def test_all_that_match_up_to_a_thousand(as_olga, alice):
    User.objects.bulk_create(
        User(username=f"user{number:04}", password="!") for number in range(998)
    )
    across = {"select_across": "1"}
    answer = choose_action(as_olga, "end_sessions", alice, **across)
    assert (answer.status_code, answer.context["unknown"]) == (200, 0)
    assert len(answer.context["ids"].split(",")) == 1
    assert (
        len(choose_action(as_olga, "deactivate", alice, **across).context["ids"].split(",")) == 999
    )
    User.objects.create_user("one_more")
    answer = choose_action(as_olga, "deactivate", alice, **across)
    assert answer.status_code == 302
    assert "at most 1,000 users at once. Nothing was done." in text(as_olga.get(LIST))


def test_a_thousand_at_once_are_no_more_fields_than_one(as_olga):
    """Only a few of them are still active, since each takes a transaction of its own."""
    users = User.objects.bulk_create(
        User(username=f"user{number:04}", password="!", is_active=number % 50 == 0)
        for number in range(1000)
    )
    answer = confirm_action(as_olga, "deactivate", *users)
    assert answer.context["title"] == "Deactivated 20 users."
    assert [len(names.rows) for names in answer.context["skipped"]] == [980]
    assert User.objects.filter(is_active=False).count() == 1000


@pytest.mark.parametrize("name", ["erase", "change_role", "deactivate", "temporary_password"])
@pytest.mark.django_db(transaction=True)
def test_of_two_super_admins_who_do_it_to_each_other_one_is_refused_or_signed_out(name, olga):
    tina = User.objects.create_superuser("tina", PASSWORD)
    browsers = [Client(headers={"accept": "text/html"}) for _ in range(2)]
    for browser, operator in zip(browsers, (olga, tina), strict=True):
        browser.force_login(operator)
    answers = at_once(
        *[
            partial(confirm_action, browser, name, user, role="user")
            for browser, user in zip(browsers, (tina, olga), strict=True)
        ]
    )
    (left,) = [user for user in User.objects.all() if permissions.is_super_admin(user)]
    did, too_late = answers if left == olga else answers[::-1]
    assert did.status_code == (200 if name == "temporary_password" else 302)
    assert too_late.status_code in (403, 422) or (
        too_late.status_code == 302 and too_late["Location"].startswith(LOGIN)
    )
