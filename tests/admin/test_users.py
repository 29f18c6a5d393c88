"""Olga adds, invites and edits users in the admin site."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from accounts import identities
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, Session, User
from tests.admin.user_pages import ADD, AUDIT_LOG, LIST, fields, log_in, new, page
from tests.audit_events import reason_of
from tests.reset_mails import token_in

pytestmark = pytest.mark.usefixtures("db")


def shown(answer):
    """The temporary password on this page."""
    ((_, password),) = answer.context["secrets"]
    assert f">{password}</code>" in answer.content.decode()
    return password


def test_olga_invites_a_user(as_olga, olga, caller, mailoutbox):
    browser = as_olga.__class__()
    answer = as_olga.post(
        ADD, new("Carol ", "invite", email="Carol@Example.com", name="Carol Danvers")
    )
    carol = User.objects.get(username="carol")
    assert (answer.status_code, answer["Location"]) == (302, page(carol))
    assert (carol.email, carol.role, carol.is_active, carol.has_usable_password()) == (
        "carol@example.com",
        "user",
        True,
        False,
    )
    delivery.deliver_due()
    assert (mailoutbox[0].to, mailoutbox[0].subject) == (
        ["carol@example.com"],
        "Your account at authsvc",
    )
    reset = browser.get(f"/reset/{token_in(mailoutbox[0])}", follow=True).content.decode()
    assert "<h1>Choose your password</h1>" in reset
    assert "Welcome! With it you sign in as <strong>carol</strong>." in reset
    browser.post("/reset", {"password": "three blue lamps"})
    assert (
        caller.json(
            "/api/auth/login", {"username": "carol", "password": "three blue lamps"}
        ).status_code
        == 200
    )
    made, invited = AuditEvent.objects.filter(actor=olga).order_by("pk")
    assert (made.kind, made.user, reason_of(made)) == ("account_changed", carol, "created")
    assert (invited.kind, invited.user, reason_of(invited), invited.contract) == (
        "invited",
        carol,
        "to carol@example.com",
        "admin",
    )


@pytest.mark.parametrize(
    ("mail", "address", "complaint"),
    [(True, "", "needs an address"), (False, "c@example.com", "sends no mail")],
)
def test_a_user_who_cannot_be_invited_is_not_added_either(
    as_olga, settings, mail, address, complaint
):
    settings.EMAILS_ENABLED = mail
    answer = as_olga.post(ADD, new("carol", "invite", email=address))
    assert complaint in str(answer.context["adminform"].form.errors)
    assert not User.objects.filter(username="carol").exists()
    assert not OutgoingMail.objects.exists()


def test_without_outgoing_mail_the_page_says_so(as_olga, settings):
    settings.EMAILS_ENABLED = False
    assert "no user can be invited" in as_olga.get(ADD).content.decode()


def test_olga_makes_an_account_with_a_temporary_password(as_olga, olga, caller):
    answer = as_olga.post(ADD, new("Carol ", email="Carol@Example.com", name="Carol Danvers"))
    carol, temporary = User.objects.get(username="carol"), shown(answer)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    assert (carol.email, carol.role, carol.is_active, carol.must_change_password) == (
        "carol@example.com",
        "user",
        True,
        True,
    )
    answer = caller.json("/api/auth/login", {"username": "carol", "password": temporary})
    assert (answer.status_code, answer.json()["message"]) == (403, "Password change required")
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.ACCOUNT_CHANGED)
    assert (event.user, event.actor, reason_of(event)) == (carol, olga, "created")


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (new("ＡＬＩＣＥ"), "already exists"),
        (new("carol", email="ALICE@example.com"), "already exists"),
        (new("carol@example.com"), "holds no @"),
        (new("Erased-1f2e3d4c"), "begin with erased-"),
        (new("KEY_a1b2c3d4"), "begin with key_"),
        (new("carol", email="carol"), "valid email"),
        (new("carol", "of my own"), "valid choice"),
        (new("carol", language="xx"), "valid choice"),
        (new(" "), "required"),
        (new("x" * 151), "at most 150"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_a_reason(as_olga, alice, sent, complaint):
    answer = as_olga.post(ADD, sent)
    assert answer.status_code == 200
    assert complaint in str(answer.context["adminform"].form.errors)
    assert User.objects.count() == 2


def test_two_accounts_without_an_address(as_olga):
    assert [as_olga.post(ADD, new(name)).status_code for name in ("carol", "dave")] == [200, 200]
    assert User.objects.filter(email=None, username__in=["carol", "dave"]).count() == 2


def test_olga_edits_an_account_and_its_session_goes_on(as_olga, olga, alice):
    issued = log_in()
    answer = as_olga.post(page(alice), fields(alice, name="Alice L.", organization="Wonderland"))
    assert answer.status_code == 302
    identity = identities.identify(issued.access)
    assert (identity.name, identity.organization) == ("Alice L.", "Wonderland")
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.ACCOUNT_CHANGED)
    assert (event.user, event.actor, reason_of(event)) == (alice, olga, "name, organization")


def test_an_unchanged_form_is_no_change(as_olga, alice):
    as_olga.post(page(alice), fields(alice, name=" Alice Liddell "))
    assert not AuditEvent.objects.filter(kind=AuditEvent.Kind.ACCOUNT_CHANGED).exists()


@pytest.mark.parametrize("whose", ["alice", "olga"])
def test_no_form_gives_a_role_or_takes_an_account_away(as_olga, alice, olga, whose):
    user = User.objects.get(username=whose)
    flags = {
        "username": "changed",
        "email": "changed@example.com",
        "is_staff": "on",
        "is_superuser": "on",
        "is_active": "",
        "must_change_password": "on",
        "password": "x",
        "credential_version": "9",
    }
    before = User.objects.values().get(pk=user.pk)
    assert as_olga.post(page(user), fields(user, name="Changed", **flags)).status_code == 302
    after = User.objects.values().get(pk=user.pk)
    assert after == before | {"name": "Changed", "updated_at": after["updated_at"]}


def test_a_name_that_was_taken_a_moment_ago(as_olga, alice, bob, monkeypatch):
    monkeypatch.setattr(
        User, "validate_unique", lambda *args, **kwargs: None
    )  # who looked first, and was overtaken
    answer = as_olga.post(ADD, new("bob"), follow=True)
    assert "This name or address was taken" in answer.content.decode()
    assert User.objects.filter(username="bob").count() == 1


def test_the_old_password_page_leads_to_the_action(as_olga, alice):
    answer = as_olga.get(f"{LIST}{alice.pk}/password/", follow=True)
    assert answer.redirect_chain == [(f"{LIST}action/temporary_password/?ids={alice.pk}", 302)]
    assert "Give a temporary password: alice" in answer.content.decode()


def test_the_history_of_a_user_is_the_audit_log(as_olga, alice):
    as_olga.post(page(alice), fields(alice, name="Alice L."))
    assert as_olga.get(page(alice, "history"))["Location"] == f"{AUDIT_LOG}?user={alice.pk}"
    assert not LogEntry.objects.exists()


def test_no_hash_and_no_token_is_shown(as_olga, alice):
    log_in()
    session = Session.objects.get()
    text = as_olga.get(page(alice)).content.decode()
    assert alice.password not in text
    assert alice.password.rpartition("$")[2] not in text
    text = as_olga.get(reverse("admin:accounts_session_change", args=[session.pk])).content.decode()
    assert "alice" in text
    assert session.refresh_jti not in text
