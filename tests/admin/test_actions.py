"""Olga and Stan act on one or many users: confirmation, reason, password and result."""

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts import sessions
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, Session, User
from accounts.operators import permissions
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.admin.actions import action_url, choose_action, confirm_action, lock, open_action
from tests.audit_events import told
from tests.concurrency import at_once
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST, INDEX, LOGIN = (
    reverse("admin:accounts_user_changelist"),
    reverse("admin:index"),
    reverse("admin:login"),
)


@pytest.fixture
def carol(db):
    """Invited, and has chosen no password yet."""
    return User.objects.create_user("carol", None, email="carol@example.com")


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract.policy, username, password)


def text(answer):
    return " ".join(answer.content.decode().split())


def page(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


def events():
    found = AuditEvent.objects.exclude(actor=None).order_by("pk")
    return [
        (event.kind, event.name, event.actor and event.actor.username, told(event))
        for event in found
    ]


def refresh(*users):
    for user in users:
        user.refresh_from_db()


# One account


def test_a_page_says_what_will_happen_and_does_nothing(as_olga, alice):
    log_in()
    before = User.objects.values().get(pk=alice.pk)
    answer = open_action(as_olga, "deactivate", alice)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    for said in (
        "Deactivate: alice (Alice Liddell, alice@example.com)",
        "all sessions and API keys end at once",
    ):
        assert said in text(answer)
    assert User.objects.values().get(pk=alice.pk) == before
    assert Session.objects.live().count() == 1
    assert events() == []


def test_deactivated_and_reactivated(as_olga, olga, alice, caller):
    token = log_in().access
    answer = confirm_action(as_olga, "deactivate", alice, reason="left the company")
    assert (answer.status_code, answer["Location"]) == (302, page(alice))
    assert "Deactivated alice" in text(as_olga.get(page(alice)))
    assert caller.get("/api/v1/auth/me", token).status_code == 401
    confirm_action(as_olga, "reactivate", alice, reason="came back")
    refresh(alice)
    assert alice.is_active
    assert caller.get("/api/v1/auth/me", token).status_code == 401
    assert events() == [
        ("deactivated", "alice", "olga", "left the company"),
        ("reactivated", "alice", "olga", "came back"),
    ]
    assert set(AuditEvent.objects.values_list("contract", "address")) >= {("admin", "127.0.0.1")}


def test_a_temporary_password_is_shown_once_and_nowhere_else(as_olga, alice, caller, caplog):
    token = log_in().access
    answer = confirm_action(as_olga, "temporary_password", alice)
    ((_, temporary),) = answer.context["secrets"]
    assert (
        answer.status_code,
        "no-store" in answer["Cache-Control"],
        text(answer).count(temporary),
    ) == (200, True, 1)
    assert caller.get("/api/v1/auth/me", token).status_code == 401
    answer = caller.json("/v1/login", {"username": "alice", "password": temporary})
    assert answer.json()["challenge_name"] == "NEW_PASSWORD_REQUIRED"
    kept = [
        str(list(model.objects.values())) for model in (AuditEvent, OutgoingMail, User, Session)
    ]
    kept += [
        str(dict(as_olga.session)),
        str(as_olga.cookies),
        caplog.text,
        text(as_olga.get(page(alice))),
    ]
    assert not [place for place in kept if temporary in place]
    assert events() == [("temporary_password", "alice", "olga", "every session ended: ticket 7")]


def test_a_temporary_password_lets_in_a_user_who_was_locked_out(as_olga, alice, caller):
    lock("alice")
    ((_, temporary),) = confirm_action(as_olga, "temporary_password", alice).context["secrets"]
    assert caller.json("/v1/login", {"username": "alice", "password": temporary}).status_code == 200


def test_the_same_form_sent_twice_shows_no_second_password(as_olga, alice):
    once = open_action(as_olga, "temporary_password", alice).context["once"]
    ((_, temporary),) = confirm_action(as_olga, "temporary_password", alice, once=once).context[
        "secrets"
    ]
    answer = confirm_action(as_olga, "temporary_password", alice, once=once)
    assert (answer.status_code, "sent twice" in text(answer)) == (409, True)
    refresh(alice)
    assert alice.check_password(temporary)


@pytest.mark.parametrize("name", ["deactivate", "force_change", "end_sessions"])
def test_the_second_time_there_is_nothing_to_do(as_olga, alice, name):
    log_in()
    confirm_action(as_olga, name, alice)
    before = events()
    answer = confirm_action(as_olga, name, alice)
    assert (answer.status_code, answer.context["title"]) == (200, "Nothing was done.")
    assert events() == before
    assert "There is nothing to do here" in text(open_action(as_olga, name, alice))


def test_a_change_is_forced(as_olga, alice, caller):
    token = log_in().access
    confirm_action(as_olga, "force_change", alice, reason="")
    assert caller.get("/api/v1/auth/me", token).status_code == 401
    assert (
        caller.json("/api/auth/login", {"username": "alice", "password": PASSWORD}).status_code
        == 403
    )
    assert events() == [("change_forced", "alice", "olga", "1 session ended")]


def test_alice_is_unlocked_by_name_and_by_address(as_olga, alice, caller):
    lock("alice")
    lock("alice@example.com")
    confirm_action(as_olga, "unlock", alice)
    for name in ("alice", "alice@example.com"):
        assert caller.json("/v1/login", {"username": name, "password": PASSWORD}).status_code == 200
    assert events() == [("unlocked", "alice", "olga", "ticket 7")]
    assert confirm_action(as_olga, "unlock", alice).context["title"] == "Nothing was done."


def test_a_reset_mail_is_sent(as_olga, alice, mailoutbox):
    log_in()
    confirm_action(as_olga, "send_reset", alice, reason="")
    delivery.deliver_due()
    assert mailoutbox[0].to == ["alice@example.com"]
    assert "Address:" not in str(mailoutbox[0].body)
    assert Session.objects.live().count() == 1
    assert events() == [("reset_sent", "alice", "olga", "to alice@example.com")]


def test_carol_is_invited_again_until_she_has_a_password(as_olga, carol, mailoutbox):
    confirm_action(as_olga, "invite", carol)
    delivery.deliver_due()
    assert (mailoutbox[0].to, mailoutbox[0].subject) == (
        ["carol@example.com"],
        "Your account at authsvc",
    )
    carol.set_password(PASSWORD)
    carol.save()
    assert confirm_action(as_olga, "invite", carol).context["title"] == "Nothing was done."
    assert events() == [("invited", "carol", "olga", "to carol@example.com: ticket 7")]


@pytest.mark.parametrize("name", ["invite", "send_reset"])
def test_where_no_mail_is_sent_the_page_says_so(as_olga, carol, settings, name):
    settings.EMAILS_ENABLED = False
    assert "This service sends no mail" in text(open_action(as_olga, name, carol))
    assert confirm_action(as_olga, name, carol).context["title"] == "Nothing was done."


def test_the_history_of_a_row_is_the_audit_log(as_olga, alice):
    log_in()
    audit_log = reverse("admin:accounts_auditevent_changelist")
    session, (key, _) = Session.objects.get(), APIKey.objects.issue(alice.pk)
    assert (
        as_olga.get(reverse("admin:accounts_session_history", args=[session.pk]))["Location"]
        == f"{audit_log}?session={session.pk}"
    )
    assert (
        as_olga.get(reverse("admin:apikeys_apikey_history", args=[key.pk]))["Location"]
        == f"{audit_log}?user={alice.pk}"
    )
    assert as_olga.get(reverse("admin:accounts_user_history", args=["x"])).status_code == 404


def test_one_session_ends_and_another_goes_on(as_olga, alice):
    here, there = log_in(), log_in()
    session = Session.objects.get(pk=here.session_id)
    assert "the bearer session of alice" in text(open_action(as_olga, "end_session", session))
    answer = confirm_action(as_olga, "end_session", session)
    assert answer["Location"] == page(alice)
    assert Session.objects.live().get().pk == there.session_id
    assert AuditEvent.objects.get(kind="sessions_ended").session == here.session_id
    assert confirm_action(as_olga, "end_session", session).context["title"] == "Nothing was done."


def test_all_sessions_end(as_olga, alice, bob):
    log_in(), log_in(), log_in("bob")
    confirm_action(as_olga, "end_sessions", alice, reason="")
    assert Session.objects.live().get().user == bob
    assert events() == [("sessions_ended", "alice", "olga", "2 sessions ended")]


def test_olga_signs_herself_out_everywhere(as_olga, olga):
    log_in("olga")
    assert confirm_action(as_olga, "end_sessions", olga).status_code == 302
    assert not Session.objects.live().exists()
    assert as_olga.get(INDEX).status_code == 302


def test_keys_end(as_olga, alice, bob):
    hers = [APIKey.objects.issue(user.pk, "CI")[0] for user in (alice, alice, bob)]
    confirm_action(as_olga, "end_keys", alice)
    assert APIKey.objects.live().get().owner == bob
    confirm_action(as_olga, "end_key", hers[2])
    assert not APIKey.objects.live().exists()
    ended = [
        ("keys_ended", "alice", "olga", "2 keys ended: ticket 7"),
        ("keys_ended", "bob", "olga", f"key_{hers[2].pk} ended: ticket 7"),
    ]
    assert events() == ended


def test_olga_makes_alice_an_admin_and_takes_it_back(as_olga, alice):
    browser = as_olga.__class__()
    confirm_action(as_olga, "change_role", alice, role="admin")
    browser.force_login(User.objects.get(pk=alice.pk))
    assert browser.get(INDEX).status_code == 200
    confirm_action(as_olga, "change_role", alice, role="user")
    assert browser.get(INDEX).status_code == 302
    confirm_action(as_olga, "change_role", alice, role="admin")
    assert browser.get(INDEX).status_code == 302
    assert [event[3] for event in events()] == [
        "user → admin: ticket 7",
        "admin → user: ticket 7",
        "user → admin: ticket 7",
    ]
    assert (
        confirm_action(as_olga, "change_role", alice, role="admin").context["title"]
        == "Nothing was done."
    )


@pytest.mark.parametrize("role", [None, "", "root", "is_superuser"])
def test_a_role_that_is_none_is_refused(as_olga, alice, role):
    answer = confirm_action(as_olga, "change_role", alice, role=role)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["role"])
    assert events() == []


# Reasons and passwords


@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 151])
def test_a_dangerous_action_wants_a_reason(as_olga, alice, reason):
    answer = confirm_action(as_olga, "deactivate", alice, reason=reason)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["reason"])
    refresh(alice)
    assert alice.is_active


def test_the_password_is_asked_again_and_then_not_for_five_minutes(as_olga, alice, bob, carol):
    assert confirm_action(as_olga, "deactivate", alice, password=None).status_code == 422
    assert confirm_action(as_olga, "deactivate", alice).status_code == 302
    assert "Your password" not in text(open_action(as_olga, "deactivate", bob))
    assert confirm_action(as_olga, "deactivate", bob, password=None).status_code == 302
    session = as_olga.session
    session["password_given_at"] -= 300
    session.save()
    assert confirm_action(as_olga, "deactivate", carol, password=None).status_code == 422
    refresh(alice, bob, carol)
    assert [user.is_active for user in (alice, bob, carol)] == [False, False, True]


def test_the_password_is_not_asked_again_just_after_signing_in(client, olga, alice):
    client.post(reverse("admin:login"), {"username": "olga", "password": PASSWORD, "next": INDEX})
    assert confirm_action(client, "deactivate", alice, password=None).status_code == 302


def test_a_password_given_in_another_browser_counts_only_there(as_olga, olga, alice, bob):
    confirm_action(as_olga, "deactivate", alice)
    another = as_olga.__class__()
    another.force_login(olga)
    assert confirm_action(another, "deactivate", bob, password=None).status_code == 422


def test_a_wrong_password_counts_like_one_at_the_login(as_olga, alice, caller):
    for _ in range(10):
        answer = confirm_action(as_olga, "deactivate", alice, password="wrong")
        assert (answer.status_code, answer.context["form"].errors["password"]) == (
            422,
            ["This is not your password. Nothing was done."],
        )
    answer = confirm_action(as_olga, "deactivate", alice)
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert "Too many wrong passwords" in text(answer)
    assert caller.json("/v1/login", {"username": "olga", "password": PASSWORD}).status_code == 429
    failed = AuditEvent.objects.filter(
        kind="login_failed", name="olga", contract="admin", reason="wrong_password"
    )
    assert (failed.count(), AuditEvent.objects.filter(kind="throttled", name="olga").exists()) == (
        10,
        True,
    )
    refresh(alice)
    assert alice.is_active


def test_a_form_without_a_reason_costs_no_attempt(as_olga, alice):
    confirm_action(as_olga, "deactivate", alice, reason="", password="wrong")
    assert not AuditEvent.objects.filter(kind="login_failed").exists()


def test_no_page_repeats_a_password(as_olga, alice):
    assert "hunter2 or so" not in text(
        confirm_action(as_olga, "deactivate", alice, reason="", password="hunter2 or so")
    )


# Many


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
    users = User.objects.bulk_create(
        User(username=f"user{number:04}", password="!") for number in range(1000)
    )
    assert len(confirm_action(as_olga, "deactivate", *users).context["skipped"]) == 0
    assert User.objects.filter(is_active=False).count() == 1000


# At once


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


# Requests that no browser sends


@pytest.mark.parametrize(
    ("ids", "status", "said"),
    [
        ("", 400, "Nobody and nothing was chosen"),
        (",,", 400, "Nobody and nothing was chosen"),
        ("alice", 400, "something that is no id"),
        ("1;2", 400, "something that is no id"),
        ("-1", 400, "something that is no id"),
        ("1\0", 400, "something that is no id"),
        ("9" * 30, 400, "something that is no id"),
        ("999999999999999999", 404, "not there, or not any more"),
        (",".join(map(str, range(10_000))), 400, "at most 1,000 users"),
    ],
)
def test_ids_that_are_none(as_olga, ids, status, said):
    sent = {"ids": ids, "reason": "ticket 7", "password": PASSWORD}
    for answer in (
        as_olga.get(action_url(User, "deactivate"), sent),
        as_olga.post(action_url(User, "deactivate"), sent),
    ):
        assert (answer.status_code, said in text(answer)) == (status, True)
    assert events() == []


@pytest.mark.parametrize(
    ("model", "name"), [(Session, "end_session"), (APIKey, "end_key"), (OutgoingMail, "send_again")]
)
@pytest.mark.parametrize(
    "ids", ["x", "1,2", "\0", "ﬀ", "00000000-0000-0000-0000-000000000000", "abcdefgh", "’"]
)
def test_ids_of_other_rows_that_are_none(as_olga, model, name, ids):
    assert as_olga.get(action_url(model, name), {"ids": ids}).status_code in (400, 404)


@pytest.mark.parametrize("ticked", ["x", "9" * 40, "1\0"])
def test_a_tick_that_is_none(as_olga, ticked):
    answer = as_olga.post(LIST, {"action": "deactivate", "_selected_action": [ticked]}, follow=True)
    assert "could not be read. Nothing was done." in text(answer)


def test_some_are_gone_by_now(as_olga, alice):
    answer = as_olga.get(action_url(User, "deactivate"), {"ids": f"{alice.pk},0{alice.pk},999999"})
    assert (answer.status_code, answer.context["unknown"]) == (200, 1)
    assert "1 of what was chosen is not there" in text(answer)


def test_an_action_that_does_not_exist(as_olga, alice):
    assert as_olga.get(f"{LIST}action/promote/", {"ids": alice.pk}).status_code == 404


def test_no_operator_is_led_to_another_site(as_olga, alice):
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        log_in()
        assert confirm_action(as_olga, "end_sessions", alice, next=elsewhere)["Location"] == page(
            alice
        )


def test_a_form_from_another_site_does_nothing(olga, alice):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(olga)
    assert confirm_action(browser, "deactivate", alice).status_code == 403
    refresh(alice)
    assert alice.is_active


def test_there_is_nothing_to_do_to_an_expired_session(as_olga, alice):
    log_in()
    session = Session.objects.get()
    Session.objects.update(expires_at=now() - timedelta(hours=1))
    assert "There is nothing to do here" in text(open_action(as_olga, "end_session", session))
