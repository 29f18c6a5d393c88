"""Olga and Stan act on one user: the confirmation, and what each action does."""

import pytest
from django.urls import reverse

from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, Session, User
from apikeys.models import APIKey
from tests.admin.actions import (
    INDEX,
    confirm_action,
    events,
    lock,
    log_in,
    open_action,
    page,
    refresh,
    text,
)
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


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
def test_without_outgoing_mail_the_page_says_so(as_olga, carol, settings, name):
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
