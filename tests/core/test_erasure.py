"""Erasure of a user: rows that are deleted, events that stay, and logins that fail."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session as BrowserSession
from django.core.cache import cache
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import identities, password_reset, passwords, rate_limits, refresh
from accounts.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidReset,
    InvalidToken,
    MissingReason,
    NotPermitted,
)
from accounts.mail import delivery, outbox
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.operators import actions, user_actions
from accounts.privacy import erasure
from apikeys import keys
from apikeys.models import APIKey, KnownAddress
from authsvc.contracts import bearer, form
from tests.conftest import PASSWORD
from tests.core.erasures import everything_stored, log_in

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.own_sql]


@pytest.fixture
def known(alice, olga, settings):
    """Alice after a while of use: with misspelt logins, and with actions of an operator."""
    logins = log_in(), log_in(policy=form.contract.policy)
    refresh.refresh_session(form.contract.policy, logins[1].refresh)
    with pytest.raises(InvalidCredentials):
        passwords.authenticate(" ALICE@example.com ", "wrong")
    outbox.put(outbox.Template.RESET, identifier="Alice@Example.com")
    outbox.put(outbox.Template.PASSWORD_CHANGED, user=alice)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    delivery.deliver_due()
    key, secret = APIKey.objects.issue(alice.pk, "alice's laptop")
    KnownAddress.objects.create(key=key, network="192.0.2.7")
    content = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=olga,
        content_type=content,
        object_id=str(alice.pk),
        object_repr="alice",
        action_flag=CHANGE,
    )
    actions.carry_out(
        user_actions.FORCE_CHANGE,
        operator=olga,
        user=alice,
        reason="alice wrote her password down",
    )
    return logins, secret


def test_no_stored_value_names_the_user_any_more(known, alice, bob):
    assert {label for label, value in everything_stored() if "alice" in value.lower()} >= {
        "accounts.User",
        "accounts.AuditEvent",
        "accounts.OutgoingMail",
        "apikeys.APIKey",
        "admin.LogEntry",
    }
    hidden = ["alice", "liddell", str(alice.uuid), alice.uuid.hex]
    erasure.erase(alice)
    assert [
        (label, value)
        for label, value in everything_stored()
        for name in hidden
        if name in value.lower()
    ] == []
    assert not OutstandingToken.objects.filter(user=alice).exists()
    assert BlacklistedToken.objects.exists(), "what was spent stays spent"
    assert passwords.authenticate("bob", PASSWORD) == bob


def test_events_stay_under_a_stand_in(known, alice, olga):
    before = [*AuditEvent.objects.order_by("pk").values_list("pk", "at", "kind", "session")]
    actions.carry_out(user_actions.ERASE, operator=olga, user=alice, reason="asked on 3 May")
    alice.refresh_from_db()
    assert [*AuditEvent.objects.order_by("pk").values_list("pk", "at", "kind", "session")][
        : len(before)
    ] == before
    assert set(AuditEvent.objects.values_list("name", flat=True)) == {alice.username}
    assert alice.username.startswith("erased-")
    event = AuditEvent.objects.get(kind="erased")
    assert (event.user, event.actor, event.name, event.note) == (
        alice,
        olga,
        alice.username,
        "asked on 3 May",
    )


def test_tokens_keys_and_links_are_dead_at_once(known, alice, caller):
    (plain, rotating), secret = known
    reset_secrets = password_reset.make(alice)
    erasure.erase(alice)
    assert caller.get("/api/v1/auth/me", plain.access).status_code == 401
    with pytest.raises(InvalidToken):
        identities.identify(rotating.access)
    for policy, issued in ((bearer.contract.policy, plain), (form.contract.policy, rotating)):
        with pytest.raises(InvalidRefreshToken):
            refresh.refresh_session(policy, issued.refresh)
    with pytest.raises(InvalidToken):
        keys.identify(secret)
    with pytest.raises(InvalidReset):
        password_reset.use_token(reset_secrets.token, "another one, and longer")
    for name in ("alice", "alice@example.com", alice.username):
        with pytest.raises(InvalidCredentials):
            passwords.authenticate(name, PASSWORD)


@pytest.mark.parametrize("typed", ["alice", "Alice@Example.com", " ＡＬＩＣＥ "])
def test_a_mail_that_still_waits_is_not_sent_and_names_no_user(alice, bob, mailoutbox, typed):
    outbox.put(outbox.Template.RESET, identifier=typed)
    outbox.put(outbox.Template.PASSWORD_CHANGED, user=alice)
    outbox.put(outbox.Template.RESET, identifier="bob")
    erasure.erase(alice)
    heir = User.objects.create_user("alice", "another one, and longer", email="alice@example.com")
    delivery.deliver_due()
    assert [message.to for message in mailoutbox] == [["bob@example.com"]]
    assert not AuditEvent.objects.filter(name__icontains="alice").exists()
    assert not heir.mails.exists()


@pytest.mark.parametrize("before", [{}, {"tries": 1, "error": "451 later"}])
def test_a_mail_that_a_worker_has_claimed_is_overtaken_by_an_erasure(alice, mailoutbox, before):
    outbox.put(outbox.Template.RESET, identifier="alice", user=alice)
    OutgoingMail.objects.update(**before)
    mail = OutgoingMail.objects.select_related("user").get()
    assert mail.claim(timedelta(minutes=2))
    erasure.erase(alice)
    delivery.deliver(mail)
    assert (mailoutbox, alice.resets.count()) == ([], 0)
    assert not [label for label, value in everything_stored() if "alice" in value]


def test_a_new_account_with_the_name_inherits_nothing(known, alice):
    while not rate_limits.locked_for(alice):
        with pytest.raises(InvalidCredentials), rate_limits.login_attempt("alice"):
            raise InvalidCredentials
    erasure.erase(alice)
    heir = User.objects.create_user("alice", "another one, and longer", email="alice@example.com")
    assert rate_limits.locked_for(heir) is None
    assert (heir.pk, heir.uuid) != (alice.pk, alice.uuid)
    assert not AuditEvent.objects.filter(user=heir).exists()
    assert not AuditEvent.objects.filter(name="alice").exists()
    assert not OutgoingMail.objects.exists()
    assert passwords.authenticate("alice", "another one, and longer") == heir


def test_a_browser_that_is_signed_in_to_the_admin_is_out(olga):
    stan = User.objects.create_user("stan", PASSWORD, is_staff=True)
    browser, other = Client(), Client()
    browser.force_login(stan)
    other.force_login(olga)
    erasure.erase(stan)
    assert BrowserSession.objects.count() == 1, (
        "before his browser comes again, which would end the session too"
    )
    assert browser.get("/admin/").status_code == 302
    assert other.get("/admin/").status_code == 200


def test_no_operator_can_erase_or_edit_the_empty_account(alice, olga):
    erasure.erase(alice)
    with pytest.raises(NotPermitted, match="erased_already"):
        erasure.erase(alice)
    for act in (
        user_actions.ERASE,
        user_actions.REACTIVATE,
        user_actions.GIVE_TEMPORARY_PASSWORD,
        user_actions.CHANGE_ROLE,
    ):
        with pytest.raises(NotPermitted):
            actions.carry_out(
                act,
                operator=olga,
                user=alice,
                reason="why not",
                **({"role": "admin"} if act.name == "change_role" else {}),
            )


def test_only_super_admins_erase_and_never_themselves(alice, olga):
    stan = User.objects.create_user("stan", PASSWORD, is_staff=True)
    for operator, user in ((stan, alice), (olga, olga), (alice, stan)):
        with pytest.raises(NotPermitted):
            actions.carry_out(user_actions.ERASE, operator=operator, user=user, reason="because")
    with pytest.raises(MissingReason):
        actions.carry_out(user_actions.ERASE, operator=olga, user=alice)
    assert not User.objects.exclude(erased_at=None).exists()


def test_the_last_super_admin_stays(olga):
    with pytest.raises(NotPermitted, match="last_super_admin"):
        erasure.erase(olga)
    other = User.objects.create_superuser("otto", PASSWORD)
    erasure.erase(olga)
    with pytest.raises(NotPermitted, match="last_super_admin"):
        erasure.erase(other)


def test_no_trace_of_the_name_is_in_the_cache_in_clear(alice):
    rate_limits.unlock(alice)
    erasure.erase(alice)
    assert not [key for key in getattr(cache, "_cache", {}) if "alice" in key]
