"""Passwords: their rules, changes by their owners, and hashes of other systems."""

import os
import time
from functools import partial
from threading import Lock

import argon2
import bcrypt
import pytest
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    PBKDF2PasswordHasher,
    get_hasher,
    make_password,
)

from accounts import (
    challenges,
    identities,
    issued_tokens,
    password_reset,
    passwords,
    refresh,
)
from accounts.audit.reasons import Reason
from accounts.errors import InvalidCredentials, WeakPassword
from accounts.models import AuditEvent, OutgoingMail, Session, User
from accounts.tokens import ChallengeToken
from tests.concurrency import at_once, overtaken
from tests.conftest import PASSWORD
from tests.core.password_logins import NEW, POLICY, crowded, live, log_in

pytestmark = pytest.mark.django_db


# Rules


@pytest.mark.parametrize(
    "password",
    [
        "zq8!mw2k",
        "aaaa bbbb cccc dddd",
        "  two spaces before and after  ",
        "пароль из четырёх слов",
        "كلمة سر طويلة",
        "🦊🐙🌵🍉🎈🧭🪐🧩",
        "n\u0303o\u0308e\u0301 decomposed",
        "a tab\tand a line\nbreak",
        "🧩" * 1024,
    ],
)
def test_a_password_may_be_any_text_of_8_to_1024_characters_and_is_taken_as_it_is(alice, password):
    passwords.change(alice.pk, PASSWORD, password)
    assert passwords.authenticate("alice", password) == alice
    for near in {
        password.strip(),
        password[:-1],
        password + " ",
        password.replace("\u0303", ""),
    } - {password}:
        with pytest.raises(InvalidCredentials):
            passwords.authenticate("alice", near)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("seven77", "This password is too short. It must contain at least 8 characters."),
        ("🦊🐙🌵🍉🎈🧭🪐", "This password is too short. It must contain at least 8 characters."),
        ("x" * 1025, "This password is too long. It must contain at most 1024 characters."),
        ("password1", "This password is too common."),
        (" PassWord1 ", "This password is too common."),
        ("alice1234", "The password is too similar to the username."),
        ("Alice@Example.com", "The password is too similar to the e-mail address."),
        ("Alice Liddell!", "The password is too similar to the name."),
    ],
)
def test_a_password_that_breaks_a_rule_is_refused_with_the_reason_and_changes_nothing(
    alice, password, reason
):
    here = log_in()
    with pytest.raises(WeakPassword) as refusal:
        passwords.change(alice.pk, PASSWORD, password, keep=here.session_id)
    assert reason in refusal.value.text
    assert passwords.authenticate("alice", PASSWORD) == alice
    assert live(alice) == {here.session_id}


def test_every_broken_rule_is_named(alice):
    with pytest.raises(WeakPassword) as refusal:
        passwords.change(alice.pk, PASSWORD, "alice")
    assert "too short" in refusal.value.text
    assert "too similar" in refusal.value.text


# Change


def test_a_change_ends_the_other_sessions_and_keeps_the_calling_one(alice, bob):
    here, there, his = log_in(), log_in(), log_in("bob")
    passwords.change(alice.pk, PASSWORD, NEW, keep=here.session_id)
    assert identities.identify(here.access).id == alice.pk
    assert refresh.refresh_session(POLICY, here.refresh).access
    assert (live(alice), live(bob)) == ({here.session_id}, {his.session_id})
    assert Session.objects.get(pk=there.session_id).revoked_reason == "changed"
    with pytest.raises(InvalidCredentials):
        log_in()
    assert log_in(password=NEW).user == alice


def test_a_change_with_the_wrong_present_password_changes_nothing(alice):
    here, there = log_in(), log_in()
    with pytest.raises(InvalidCredentials, match="wrong_password"):
        passwords.change(alice.pk, "wrong", NEW, keep=here.session_id)
    assert live(alice) == {here.session_id, there.session_id}
    assert not OutgoingMail.objects.exists()
    assert log_in().user == alice


def test_the_owner_and_the_audit_log_are_told_of_a_change(alice):
    passwords.change(alice.pk, PASSWORD, NEW)
    mail, event = (
        OutgoingMail.objects.get(),
        AuditEvent.objects.get(kind=AuditEvent.Kind.PASSWORD_CHANGED),
    )
    assert (mail.template, mail.user, mail.identifier) == (
        OutgoingMail.Template.PASSWORD_CHANGED,
        alice,
        "",
    )
    assert (event.user, event.name) == (alice, "alice")


def test_a_change_among_renamings_is_of_no_other_account(alice, bob):
    """Alice's user name becomes Bob's after it was read; their passwords are the same."""

    def rename():
        User.objects.filter(pk=alice.pk).update(username="alicia")
        User.objects.filter(pk=bob.pk).update(username="alice")

    with (
        overtaken(rename, before='."last_seen_at"') as renamings,
        pytest.raises(InvalidCredentials, match="account_changed"),
    ):
        passwords.change(alice.pk, PASSWORD, NEW)
    assert len(renamings) == 1
    assert passwords.authenticate("alice", PASSWORD) == bob
    assert passwords.authenticate("alicia", PASSWORD) == alice


def test_an_account_that_was_deactivated_by_hand_meanwhile_keeps_its_password(alice):
    User.objects.update(is_active=False)
    assert not passwords.replace_hash(alice, make_password(NEW), Reason.CHANGED)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize("lacking", ["mail", "address"])
def test_a_user_without_mail_can_change_the_password(alice, settings, lacking):
    settings.EMAILS_ENABLED = lacking != "mail"
    User.objects.filter(pk=alice.pk).update(email=None if lacking == "address" else alice.email)
    passwords.change(alice.pk, PASSWORD, NEW)
    assert not OutgoingMail.objects.exists()
    assert passwords.authenticate("alice", NEW) == alice


@crowded
def test_of_six_changes_at_once_one_succeeds(alice):
    log_in()
    wanted = [f"{NEW}, {number}" for number in range(6)]
    answers = at_once(*(partial(passwords.change, alice.pk, PASSWORD, new) for new in wanted))
    assert {type(answer) for answer in answers} == {User, InvalidCredentials}
    (chosen,) = (new for new, answer in zip(wanted, answers, strict=True) if answer == alice)
    assert passwords.authenticate("alice", chosen) == alice
    assert OutgoingMail.objects.count() == 1
    assert not live(alice)


@crowded
def test_a_change_among_logins_leaves_no_session_of_the_old_password(alice):
    for _ in range(3):
        answers = at_once(
            *[log_in] * 4, lambda: passwords.change(alice.pk, PASSWORD, NEW), *[log_in] * 4
        )
        assert {type(answer) for answer in answers} <= {
            User,
            issued_tokens.IssuedTokens,
            InvalidCredentials,
        }
        assert not live(alice)
        alice.set_password(PASSWORD)
        alice.save()


# Hashing


def test_no_more_passwords_are_hashed_at_once_than_there_are_processors(monkeypatch):
    """Each hash takes 19 MiB and a processor."""
    lock, running, most = Lock(), 0, 0

    def slow(hasher, password, encoded):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return password == "right"

    monkeypatch.setattr(Argon2PasswordHasher, "verify", slow)
    words = ["right", "wrong"] * 2 * (os.cpu_count() or 1)
    assert at_once(*(partial(get_hasher().verify, word, "") for word in words)) == [
        word == "right" for word in words
    ]
    assert most == os.cpu_count()


# Hashes of other systems

PHP = b"$2y$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))[4:]
OLD = {
    "pbkdf2": lambda: make_password(PASSWORD, hasher="pbkdf2_sha256"),
    "pbkdf2 of long ago": lambda: PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1000),
    "pbkdf2 with SHA-1": lambda: make_password(PASSWORD, hasher="pbkdf2_sha1"),
    "scrypt": lambda: make_password(PASSWORD, hasher="scrypt"),
    "bcrypt": lambda: "bcrypt$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
    "bcrypt of PHP": lambda: "bcrypt$" + PHP.decode(),
    "bcrypt with SHA-256": lambda: make_password(PASSWORD, hasher="bcrypt_sha256"),
    "dearer argon2id": lambda: (
        "argon2" + argon2.PasswordHasher(time_cost=3, memory_cost=512, parallelism=2).hash(PASSWORD)
    ),
    "argon2i": lambda: (
        "argon2" + argon2.PasswordHasher(memory_cost=64, type=argon2.Type.I).hash(PASSWORD)
    ),
    "argon2d": lambda: (
        "argon2" + argon2.PasswordHasher(memory_cost=64, type=argon2.Type.D).hash(PASSWORD)
    ),
}


def store(user, encoded):
    User.objects.filter(pk=user.pk).update(password=encoded)


@pytest.mark.parametrize("kind", OLD)
def test_an_old_hash_opens_once_more_and_is_made_anew(alice, kind):
    """No session and no reset ends: the password is still the same."""
    here, reset_secrets = log_in(), password_reset.make(alice)
    store(alice, OLD[kind]())
    with pytest.raises(InvalidCredentials):
        log_in(password="wrong")
    there = log_in()
    alice.refresh_from_db()
    assert there.user.password == alice.password
    assert alice.password.startswith("argon2$argon2id$v=19$m=64,t=1,p=1$")
    assert live(alice) == {here.session_id, there.session_id}
    assert password_reset.find(reset_secrets.token) == reset_secrets.reset
    assert log_in().user == alice


def test_a_bcrypt_hash_and_a_password_of_more_than_72_bytes(alice):
    """bcrypt reads the first 72 bytes; its library now refuses longer passwords."""
    long = "ein sehr langer Satz, den niemand errät, " * 3
    store(alice, "bcrypt$" + bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode())
    with pytest.raises(InvalidCredentials, match="wrong_password"):
        log_in(password="wrong" * 20)
    assert log_in(password=long).user == alice
    with pytest.raises(InvalidCredentials):
        log_in(password=long[:-1])


def test_a_new_password_is_not_undone_by_an_upgrade_of_the_old_one(alice):
    store(alice, make_password(PASSWORD, hasher="pbkdf2_sha1"))
    slow = User.objects.get()
    passwords.change(alice.pk, PASSWORD, NEW)
    passwords._upgrade_hash(slow, PASSWORD)
    assert passwords.authenticate("alice", NEW) == alice


def test_an_upgrade_does_not_touch_the_credential_version(alice):
    challenge = challenges.issue(alice)
    store(alice, make_password(PASSWORD, hasher="pbkdf2_sha1"))
    log_in()
    alice.refresh_from_db()
    assert str(alice.credential_version) == ChallengeToken.read(challenge)["epoch"]
