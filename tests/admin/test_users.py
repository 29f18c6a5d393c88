"""Olga runs the place; Stan may work in the admin, and no more."""

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.timezone import now

from accounts import identities, sessions
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, Session, User
from authsvc.contracts import bearer
from tests.admin.actions import choose_action, confirm_action
from tests.audit_events import told
from tests.conftest import PASSWORD
from tests.reset_mails import token_in

pytestmark = pytest.mark.usefixtures("db")
LIST, ADD, INDEX, AUDIT_LOG = (
    reverse(f"admin:{name}")
    for name in (
        "accounts_user_changelist",
        "accounts_user_add",
        "index",
        "accounts_auditevent_changelist",
    )
)


def page(user, name="change"):
    return reverse(f"admin:accounts_user_{name}", args=[user.pk])


def fields(user, **changes):
    """Return the fields that the change form sends for this account."""
    usual = {
        name: getattr(user, name) or ""
        for name in ("username", "email", "name", "organization", "aws_region", "language")
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def new(username="carol", way="temporary", **more):
    return {"username": username, "email": "", "way": way, **more}


def shown(answer):
    """The temporary password on this page."""
    ((_, password),) = answer.context["secrets"]
    assert f">{password}</code>" in answer.content.decode()
    return password


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract.policy, username, password)


# Accounts


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
    assert (made.kind, made.user, told(made)) == ("account_changed", carol, "created")
    assert (invited.kind, invited.user, told(invited), invited.contract) == (
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


def test_where_no_mail_is_sent_the_page_says_so(as_olga, settings):
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
    assert (event.user, event.actor, told(event)) == (carol, olga, "created")


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
    assert (event.user, event.actor, told(event)) == (alice, olga, "name, organization")


def test_what_stays_as_it_was_is_no_change(as_olga, alice):
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
    assert "Somebody else took this name" in answer.content.decode()
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


# Stan, who is staff


def test_stan_makes_and_edits_accounts(as_stan, alice):
    assert as_stan.post(ADD, new()).status_code == 200
    assert as_stan.post(page(alice), fields(alice, name="Alice L.")).status_code == 302
    alice.refresh_from_db()
    assert alice.name == "Alice L."


def test_stan_makes_no_operators(as_stan, alice):
    assert as_stan.post(ADD, new(is_staff="on", is_superuser="on")).status_code == 200
    assert (
        as_stan.post(
            page(alice), fields(alice, is_staff="on", is_superuser="on", role="super_admin")
        ).status_code
        == 302
    )
    assert set(
        User.objects.filter(username__in=["alice", "carol"]).values_list("is_staff", "is_superuser")
    ) == {(False, False)}


@pytest.mark.parametrize("whom", ["olga", "tina", "stan"])
def test_stan_touches_no_operator_and_not_himself(as_stan, stan, olga, whom):
    User.objects.create_user("tina", PASSWORD, is_staff=True)
    operator = User.objects.get(username=whom)
    log_in(whom)
    before = User.objects.values().get(pk=operator.pk)
    sent = fields(operator, name="Changed", is_superuser="on", is_active=None)
    assert as_stan.post(page(operator), sent).status_code == 403
    assert as_stan.post(page(operator, "delete"), {"post": "yes"}).status_code == 403
    for name in ("deactivate", "end_sessions", "temporary_password", "change_role"):
        assert confirm_action(as_stan, name, operator, role="super_admin").status_code == 403
    choose_action(as_stan, "delete_selected", operator, post="yes")
    assert User.objects.values().get(pk=operator.pk) == before
    assert Session.objects.live().count() == 1
    refused = AuditEvent.objects.filter(
        kind="act_refused", user=operator, actor=stan, reason="not_permitted"
    ).order_by("pk")
    assert [event.data["act"] for event in refused] == [
        "edit",
        "deactivate",
        "end_sessions",
        "temporary_password",
        "change_role",
    ]


def test_stan_ends_no_session_of_an_operator(as_stan, olga, alice):
    logins = [log_in("olga"), log_in()]
    confirm_action(
        as_stan,
        "end_session",
        *Session.objects.filter(pk__in=[issued.session_id for issued in logins]),
    )
    assert Session.objects.live().get().user == olga


def test_stan_deletes_no_user(as_stan, alice):
    assert as_stan.post(page(alice, "delete"), {"post": "yes"}).status_code == 403
    choose_action(as_stan, "delete_selected", alice, post="yes")
    assert User.objects.filter(pk=alice.pk).exists()


def test_stan_sees_no_signing_keys(as_stan):
    assert as_stan.get(reverse("admin:accounts_signingkey_changelist")).status_code == 403


def test_a_user_has_no_business_here(client, alice):
    client.force_login(alice)
    for path in (INDEX, LIST, ADD, page(alice)):
        assert client.get(path).status_code == 302
    client.post(page(alice), fields(alice, is_staff="on"))
    alice.refresh_from_db()
    assert not alice.is_staff


@pytest.mark.parametrize("model", ["auditevent", "session", "signingkey"])
def test_what_is_only_looked_at_cannot_be_changed(as_olga, alice, model):
    log_in()
    key = apps.get_model("accounts", model)._default_manager.values_list("pk", flat=True)[0]
    change, delete = (
        reverse(f"admin:accounts_{model}_{name}", args=[key]) for name in ("change", "delete")
    )
    assert as_olga.get(change).status_code == 200
    assert as_olga.post(change, {"name": "x", "use": "previous"}).status_code == 403
    assert as_olga.post(delete, {"post": "yes"}).status_code == 403
    assert as_olga.post(reverse(f"admin:accounts_{model}_add"), {}).status_code == 403


def test_simplejwts_own_lists_are_not_here(as_olga):
    assert "token_blacklist" not in as_olga.get(INDEX).content.decode()
    assert as_olga.get("/admin/token_blacklist/outstandingtoken/").status_code == 404


def test_a_session_says_whether_it_lives(as_olga, alice):
    for _ in range(3):
        log_in()
    live, expired, _ = Session.objects.order_by("pk")
    Session.objects.filter(pk=expired.pk).update(expires_at=now())
    Session.objects.exclude(pk__in=[live.pk, expired.pk]).revoke("logout")
    listed = as_olga.get(reverse("admin:accounts_session_changelist")).content.decode()
    for state in ("Active", "Expired", "Ended: logout"):
        assert f">{state}</span>" in listed
