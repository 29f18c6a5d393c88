"""Olga opens Alice's page: her state, the actions, and her sessions, mails and events."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.timezone import now

from accounts import request_context
from accounts.admin import action_registry
from accounts.audit import audit_log
from accounts.mail import outbox
from accounts.models import OutgoingMail, Session, User
from accounts.operators import actions, user_actions
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from tests.admin.actions import lock
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(autouse=True)
def as_olga(client, olga):
    client.force_login(olga)
    return client


def open_session(user, **fields):
    given = {
        "contract": "bearer",
        "last_used_at": now(),
        "expires_at": now() + timedelta(days=1),
        "user_agent": FIREFOX,
        "address": "192.0.2.7",
    }
    return Session.objects.create(user=user, **given | fields)


def path_of(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


def shown(client, user):
    """Return the panels by name, each with the texts of its rows."""
    panels = client.get(path_of(user)).context["panels"]
    return {
        panel.panel.name: [[strip_tags(str(cell)) for _, cell in row.cells] for row in panel.rows]
        for panel in panels
    }


def states(client, user):
    return [badge.text for badge in client.get(path_of(user)).context["state"]]


def test_the_account_is_at_the_top(client, alice):
    page = client.get(path_of(alice)).content.decode()
    assert re.findall(r"<h1>(.*?)</h1>", page) == ["Alice Liddell"]
    for text in (
        "alice@example.com",
        f'<code id="uuid">{alice.uuid}</code>',
        "<dt>Role</dt><dd>User</dd>",
        "<dt>Last login</dt><dd>never</dd>",
    ):
        assert text in page
    assert re.findall(
        r"<h1>(.*?)</h1>", client.get(path_of(User.objects.create_user("zoe"))).content.decode()
    ) == ["zoe"]


# Her state, in words


def test_an_account_that_can_be_used(client, alice):
    assert states(client, alice) == ["Active"]


def test_an_account_that_is_deactivated(client, olga, alice):
    actions.carry_out(user_actions.DEACTIVATE, operator=olga, user=alice, reason="left")
    assert states(client, alice) == ["Deactivated"]


def test_an_account_without_a_password_is_invited_once_it_was(client, olga):
    zoe = User.objects.create_user("zoe", email="zoe@example.com")
    assert states(client, zoe) == ["No password yet"]
    actions.carry_out(user_actions.INVITE, operator=olga, user=zoe)
    assert states(client, zoe) == ["Invited, no password yet"]


def test_an_account_that_must_change_its_password_and_is_locked(client, settings, alice):
    settings.LOGIN_RATE_PER_NAME = "10/1h"
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    lock("alice")
    active, must_change, locked = states(client, alice)
    assert (active, must_change) == ("Active", "Must change password")
    assert re.fullmatch(
        r"Locked, but for known networks, until \d\d:\d\d UTC because of 10 wrong guesses", locked
    )


def test_an_account_that_was_guessed_at_slowly(client, settings, alice):
    settings.LOGIN_RATE_PER_NAME_DAILY = "5/1d"
    lock("alice")
    assert "because of 5 wrong guesses" in " ".join(states(client, alice))


# Actions


def test_the_buttons_are_the_actions_of_this_operator_the_harmless_first(client, olga, alice):
    open_session(alice)
    page = client.get(path_of(alice))
    dangerous = [button.dangerous for button in page.context["buttons"]]
    assert dangerous == sorted(dangerous)
    for button in action_registry.buttons_for_user(olga, alice):
        assert f'href="{button.url}">{button.label}…</a>' in page.content.decode()


def test_stan_sees_olgas_page_without_actions(client, stan, olga):
    open_session(olga)
    client.force_login(stan)
    page = client.get(path_of(olga))
    assert page.status_code == 200
    assert page.context["buttons"] == []
    assert "/action/" not in page.content.decode()
    assert 'name="username"' not in page.content.decode()


def test_a_session_is_ended_from_her_page_and_leads_back_to_it(client, alice):
    session = open_session(alice)
    page = client.get(path_of(alice)).content.decode()
    link = action_registry.link("end_session", session)
    assert f'href="{link}">End session<' in page
    assert client.get(link).status_code == 200
    client.post(
        link.partition("?")[0],
        {"ids": str(session.pk), "once": "1", "reason": "asked", "password": PASSWORD},
    )
    assert shown(client, alice)["sessions"] == []


# Panels


def test_her_live_sessions_the_last_used_first(client, alice, bob):
    open_session(
        alice, last_used_at=now() - timedelta(hours=2), contract="form", user_agent="curl/8.5.0"
    )
    open_session(alice)
    open_session(alice, revoked_at=now())
    open_session(alice, expires_at=now() - timedelta(days=1))
    open_session(bob)
    assert shown(client, alice)["sessions"] == [
        ["Firefox on Linux", "bearer", "192.0.2.7", "just now", "just now"],
        ["curl/8.5.0", "form", "192.0.2.7", "just now", "2\xa0hours ago"],
    ]


def test_her_keys_the_live_ones_first(client, alice, bob):
    old, new = (APIKey.objects.issue(alice.pk, name)[0] for name in ("old", "new"))
    APIKey.objects.issue(bob.pk, "his")
    APIKey.objects.filter(pk=old.pk).end(EndReason.LEAKED)
    page = client.get(path_of(alice)).content.decode()
    assert shown(client, alice)["keys"] == [
        ["new", new.public_id, "Active", "profile", "just now", "never"],
        ["old", old.public_id, "Ended: reported as leaked", "profile", "just now", "never"],
    ]
    assert action_registry.link("end_key", new) in page
    assert action_registry.link("end_key", old) not in page


def test_her_mails_and_their_status(client, alice, bob):
    outbox.put(outbox.Template.RESET, identifier="alice", user=alice)
    mail = OutgoingMail.objects.get()
    mail.error = "550 User unknown"
    mail.close(OutgoingMail.Status.FAILED)
    outbox.put(
        outbox.Template.RESET, identifier="Alice@example.com"
    )  # of whom the worker has not found out yet who that is
    outbox.put(outbox.Template.RESET, identifier="bob", user=bob)
    assert shown(client, alice)["mails"] == [
        ["Reset link and code", "alice@example.com", "just now", "Waiting"],
        ["Reset link and code", "alice@example.com", "just now", "Failed 550 User unknown"],
    ]
    assert action_registry.link("send_again", mail) in client.get(path_of(alice)).content.decode()


def test_her_events_in_sentences_also_of_her_name(client, olga, alice, bob):
    with request_context.use(
        request_context.RequestContext(
            request_id="0123456789abcdef", address="192.0.2.7", contract="form"
        )
    ):
        audit_log.record(audit_log.Kind.LOGIN_FAILED, user=alice, reason="wrong_password")
        audit_log.record(
            audit_log.Kind.THROTTLED,
            name="alice@example.com",
            reason="guesses_by_name",
            data={"limit": 10, "seconds": 300},
        )
    audit_log.record(audit_log.Kind.LOGIN, user=bob)
    actions.carry_out(user_actions.FORCE_CHANGE, operator=olga, user=alice, reason="phishing")
    forced, throttled, failed = shown(client, alice)["events"]
    assert forced[0] == "olga demanded a new password of alice: 0 sessions ended: phishing."
    assert (
        throttled[0]
        == "Throttled: more than 10 wrong guesses for “alice@example.com” in 5 minutes."
    )
    assert failed[1:] == ["just now", "form", "192.0.2.7", "0123456789abcdef"]
    assert "request/?id=0123456789abcdef" in client.get(path_of(alice)).content.decode()


def test_each_panel_leads_to_all_of_her_rows_and_no_others(client, alice, bob):
    for user in (alice, bob):
        open_session(user)
        APIKey.objects.issue(user.pk)
        outbox.put(outbox.Template.PASSWORD_CHANGED, user=user)
        audit_log.record(audit_log.Kind.LOGIN, user=user)
    for panel in client.get(path_of(alice)).context["panels"]:
        rows = list(client.get(panel.all_url).context["cl"].result_list)
        assert [
            getattr(row, "owner" if panel.panel.name == "keys" else "user") for row in rows
        ] == [alice]


def test_the_page_costs_the_same_however_many_rows_there_are(client, alice, olga):
    def fill(count):
        for n in range(count):
            open_session(alice)
            APIKey.objects.issue(alice.pk, f"key {n}")
            outbox.put(outbox.Template.PASSWORD_CHANGED, user=alice)
            audit_log.record(audit_log.Kind.UNLOCKED, user=alice, actor=olga)
            audit_log.record(audit_log.Kind.THROTTLED, name="alice")

    def queries():
        with CaptureQueriesContext(connection) as sent:
            page = client.get(path_of(alice))
        return len(sent), {
            panel.panel.name: (len(panel.rows), panel.more) for panel in page.context["panels"]
        }

    client.get(path_of(alice))
    fill(1)
    before, _ = queries()
    fill(24)
    after, rows = queries()
    assert before == after <= 14
    assert rows == {
        "sessions": (10, True),
        "keys": (10, True),
        "mails": (10, True),
        "events": (20, True),
    }


# The form


def test_saving_the_profile_stays_on_the_page(client, alice):
    answer = client.post(
        path_of(alice),
        {"username": "alice", "email": "alice@example.com", "name": "Alice P. Liddell"},
        follow=True,
    )
    assert answer.redirect_chain == [(path_of(alice), 302)]
    assert "<h1>Alice P. Liddell</h1>" in answer.content.decode()


def test_a_form_with_errors_comes_first_under_the_stored_name(client, alice, bob):
    page = client.post(
        path_of(alice), {"username": "bob", "name": "Somebody else" * 20}
    ).content.decode()
    assert "<h1>Alice Liddell</h1>" in page
    assert page.index("at most 200 characters") < page.index('id="sessions"')
