"""Password resets by token and by code: each is used once, and ends all sessions."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.test import Client
from django.utils.timezone import now

from accounts import identities, password_reset, passwords, sessions
from accounts.errors import (
    InvalidCode,
    InvalidCredentials,
    InvalidReset,
    InvalidToken,
    WeakPassword,
)
from accounts.mail import delivery
from accounts.models import AuditEvent, PasswordReset, User
from tests.conftest import PASSWORD
from tests.core.resets import NEW, POLICY, by_code, by_token, each_way, log_in, refuses

pytestmark = pytest.mark.django_db


@each_way
def test_a_reset_sets_the_password_and_ends_every_session(alice, bob, reset_secrets, use):
    hers, his = [log_in(), log_in()], log_in("bob")
    assert use(reset_secrets) == alice
    for issued in hers:
        with pytest.raises(InvalidToken, match="session_ended"):
            identities.identify(issued.access)
    assert identities.identify(his.access).id == bob.pk
    with pytest.raises(InvalidCredentials):
        log_in()
    assert log_in(password=NEW).user == alice


@each_way
def test_a_reset_ends_the_sessions_of_the_admin_too(olga, use):
    browser, reset_secrets = Client(), password_reset.make(olga)
    browser.force_login(olga)
    use(reset_secrets, **({"username": "olga"} if use is by_code else {}))
    request = HttpRequest()
    request.session = browser.session
    assert not get_user(request).is_authenticated


@each_way
@pytest.mark.parametrize("first", [by_token, by_code])
def test_using_one_closes_both(reset_secrets, first, use):
    first(reset_secrets)
    refuses(use, reset_secrets)
    assert log_in(password=NEW).user == reset_secrets.reset.user


@each_way
def test_using_one_closes_those_of_every_other_mail(alice, reset_secrets, use):
    other = password_reset.make(alice)
    by_token(other)
    refuses(use, reset_secrets)


def test_a_mailed_code_outlives_a_new_secret_key(alice, reset_secrets, settings):
    """The earlier key has to be among the fallbacks."""
    former, settings.SECRET_KEY = (
        settings.SECRET_KEY,
        "another key, long enough for whoever would guess it",
    )
    refuses(by_code, reset_secrets)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert by_code(reset_secrets) == alice


@each_way
def test_a_reset_replaces_a_temporary_password(alice, use):
    passwords.set_temporary(alice, "set by Olga, for once")
    use(password_reset.make(alice))
    assert log_in(password=NEW).user == alice


def test_a_token_that_is_not_quite_the_token(alice, reset_secrets):
    alikes = [
        reset_secrets.token[:-1],
        reset_secrets.token + "A",
        reset_secrets.token.swapcase(),
        f" {reset_secrets.token}",
        "",
        reset_secrets.code,
        reset_secrets.reset.token_digest,
    ]
    for alike in [*alikes, "ａ" * 43, "\0", "x" * 60_000]:
        with pytest.raises(InvalidReset):
            password_reset.use_token(alike, NEW)
    assert by_token(reset_secrets) == alice


def test_looking_twenty_times_uses_nothing_up(alice, reset_secrets):
    assert {password_reset.find(reset_secrets.token) for _ in range(20)} == {reset_secrets.reset}
    assert by_token(reset_secrets) == alice


@each_way
def test_a_reset_that_has_expired(reset_secrets, use):
    PasswordReset.objects.update(expires_at=now() - timedelta(seconds=1))
    refuses(use, reset_secrets)


def test_a_reset_lasts_as_long_as_the_settings_say(alice, settings):
    settings.RESET_LIFETIME = timedelta(minutes=20)
    reset = password_reset.make(alice).reset
    assert abs(reset.expires_at - reset.created_at - settings.RESET_LIFETIME) < timedelta(seconds=1)


@each_way
def test_an_inactive_account_cannot_be_reset(alice, reset_secrets, use):
    User.objects.update(is_active=False)
    refuses(use, reset_secrets)
    assert not User.objects.get().check_password("yet another password")


def test_the_reset_of_an_account_that_was_deactivated_by_hand_is_not_found(alice, reset_secrets):
    User.objects.update(is_active=False)
    with pytest.raises(InvalidReset, match="account_inactive"):
        password_reset.find(reset_secrets.token)
    with pytest.raises(InvalidCode, match="no_such_code"):
        by_code(reset_secrets)


@pytest.mark.parametrize(
    ("identifier", "reason"), [("alice", "no_such_code"), ("nobody", "no_such_account")]
)
def test_a_wrong_code_is_on_record_with_its_true_reason(alice, identifier, reason):
    with pytest.raises(InvalidCode, match="no_such_code"):
        password_reset.use_code(identifier, "aaaaaaaa", NEW)
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.RESET_FAILED)
    assert (event.name, event.reason) == (identifier, reason)


@each_way
@pytest.mark.parametrize("event", ["change", "temporary password", "deactivation and back"])
def test_a_change_of_the_credential_version_voids_earlier_resets(alice, reset_secrets, event, use):
    """A reader of the account's old mail must not get in after such a change."""
    match event:
        case "change":
            passwords.change(alice.pk, PASSWORD, NEW)
        case "temporary password":
            passwords.set_temporary(alice, "set by Olga, for once")
        case _:
            for alice.is_active in (False, True):
                alice.save()
    refuses(use, reset_secrets)


@each_way
def test_a_weak_password_uses_nothing_up(alice, reset_secrets, use):
    here = log_in()
    for weak in ["short", "password1", "alice1234", "x" * 1025, "", "1234567"]:
        with pytest.raises(WeakPassword):
            use(reset_secrets, weak)
    assert identities.identify(here.access).id == alice.pk
    assert PasswordReset.objects.get().wrong_tries == 0
    assert use(reset_secrets) == alice


def test_a_request_for_a_reset_ends_nothing_and_locks_no_user_out(alice, bob):
    here = log_in()
    for _ in range(20):
        password_reset.ask("alice")
        delivery.deliver_due()
    assert identities.identify(here.access).id == log_in().user.pk == alice.pk


# Replacing a password invalidates all other credentials


def by_change(alice):
    passwords.change(alice.pk, PASSWORD, NEW)


def by_operator(alice):
    passwords.set_temporary(alice, NEW)


def by_shell(alice):
    alice.set_password(NEW)
    alice.save()


def by_deactivation(alice):
    alice.is_active = False
    alice.save()


def by_mail(alice):
    by_token(password_reset.make(alice))


@pytest.mark.parametrize("replace", [by_change, by_operator, by_shell, by_deactivation, by_mail])
def test_a_replaced_password_ends_sessions_logins_and_resets(alice, reset_secrets, replace):
    issued, overtaken = log_in(), passwords.authenticate("alice", PASSWORD)
    replace(User.objects.get(pk=alice.pk))
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)
    with pytest.raises(InvalidCredentials):
        sessions.create_session(POLICY, overtaken)
    with pytest.raises(InvalidReset):
        password_reset.find(reset_secrets.token)


@pytest.mark.parametrize("replace", [by_change, by_operator, by_shell, by_mail])
def test_a_link_that_had_expired_before_is_still_refused_as_expired(alice, reset_secrets, replace):
    PasswordReset.objects.update(expires_at=now())
    replace(User.objects.get(pk=alice.pk))
    with pytest.raises(InvalidReset, match="link_expired"):
        password_reset.find(reset_secrets.token)
