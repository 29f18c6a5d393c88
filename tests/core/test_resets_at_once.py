"""Password resets made and used at the same moment as each other, as changes and as logins."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils.timezone import now

from accounts import issued_tokens, password_reset, passwords, sessions
from accounts.errors import (
    InvalidCode,
    InvalidCredentials,
    InvalidReset,
)
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, User
from tests.concurrency import at_once, overtaken
from tests.conftest import PASSWORD
from tests.core.resets import (
    NEW,
    POLICY,
    REFUSAL,
    an_hour_passes,
    by_code,
    by_token,
    crowded,
    each_way,
    kinds,
    log_in,
    refuses,
)
from tests.mail_queue import ask, make_due

pytestmark = pytest.mark.django_db


@crowded
@each_way
def test_of_eight_resets_at_once_one_succeeds(alice, reset_secrets, use):
    log_in()
    wanted = [f"{NEW}, {number}" for number in range(8)]
    answers = at_once(*(partial(use, reset_secrets, new) for new in wanted))
    assert kinds(answers) == {User: 1, REFUSAL[use]: 7}
    (chosen,) = (new for new, answer in zip(wanted, answers, strict=True) if answer == alice)
    assert passwords.authenticate("alice", chosen) == alice
    assert not alice.sessions.live().exists()
    assert (
        OutgoingMail.objects.count()
        == AuditEvent.objects.filter(kind=AuditEvent.Kind.PASSWORD_CHANGED).count()
        == 1
    )


@crowded
def test_the_token_and_the_code_at_once_are_one_reset(alice):
    for _ in range(5):
        reset_secrets = password_reset.make(alice)
        answers = at_once(
            partial(by_token, reset_secrets, NEW + "!"), partial(by_code, reset_secrets, NEW + "?")
        )
        assert kinds(answers) in ({User: 1, InvalidReset: 1}, {User: 1, InvalidCode: 1})


@crowded
def test_the_links_of_two_mails_at_once_are_one_reset(alice):
    for _ in range(10):
        an_hour_passes()
        all_secrets = [password_reset.make(alice) for _ in range(3)]
        answers = at_once(*(partial(by_token, reset_secrets) for reset_secrets in all_secrets))
        assert kinds(answers) == {User: 1, InvalidReset: 2}
        assert not PasswordReset.objects.usable().exists()


@crowded
def test_a_reset_and_a_change_at_once_are_one_new_password(alice, reset_secrets):
    answers = at_once(
        lambda: by_token(reset_secrets, NEW + "!"),
        lambda: passwords.change(alice.pk, PASSWORD, NEW + "?"),
    )
    chosen = {
        password
        for password in (NEW + "!", NEW + "?")
        if User.objects.get().check_password(password)
    }
    assert len(chosen) == 1
    assert {type(answer) for answer in answers} <= {User, InvalidReset, InvalidCredentials}


@crowded
def test_a_login_that_a_reset_overtakes_leaves_no_session(alice):
    for _ in range(3):
        reset_secrets = password_reset.make(alice)
        answers = at_once(*[log_in] * 5, partial(by_token, reset_secrets), *[log_in] * 5)
        assert {type(answer) for answer in answers} <= {
            User,
            issued_tokens.IssuedTokens,
            InvalidCredentials,
        }
        assert not alice.sessions.live().exists()
        User.objects.filter(pk=alice.pk).update(password=alice.password)


@crowded
def test_a_login_that_was_right_before_the_reset_does_not_finish_after_it(alice, reset_secrets):
    overtaken = passwords.authenticate("alice", PASSWORD)
    by_token(reset_secrets)
    with pytest.raises(InvalidCredentials, match="account_changed"):
        sessions.create_session(POLICY, overtaken)
    assert not alice.sessions.exists()


# Resets that end after they were found, and before they are used

USE = 'UPDATE "accounts_passwordreset" SET "used_at" = '


@each_way
def test_a_reset_that_expires_before_it_is_used_sets_no_password(alice, reset_secrets, use):
    def expire():
        PasswordReset.objects.update(expires_at=now() - timedelta(seconds=1))

    with overtaken(expire, before=USE) as ends:
        refuses(use, reset_secrets)
    assert ends
    assert User.objects.get().check_password(PASSWORD)


def test_a_code_that_wrong_ones_end_before_it_is_used_sets_no_password(alice, reset_secrets):
    def five_wrong_codes():
        PasswordReset.objects.update(wrong_tries=PasswordReset.MAX_WRONG_CODES)

    with overtaken(five_wrong_codes, before=USE) as ends:
        refuses(by_code, reset_secrets)
    assert ends
    assert User.objects.get().check_password(PASSWORD)


# Mails of resets


def test_a_reset_mail_that_is_tried_again_counts_once_against_the_limit(
    alice, settings, nobody_answers, mailoutbox
):
    ask(*["alice"] * password_reset.MAX_MAILS_PER_HOUR)
    delivery.deliver_due()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    make_due()
    delivery.deliver_due()
    assert len(mailoutbox) == password_reset.MAX_MAILS_PER_HOUR
    ask("alice")
    delivery.deliver_due()
    assert len(mailoutbox) == password_reset.MAX_MAILS_PER_HOUR


def test_a_link_goes_to_the_address_that_the_user_has_when_it_is_made(alice, mailoutbox):
    """An operator changes the address while the mail is on its way."""
    ask("alice")
    with overtaken(
        lambda: User.objects.update(email="new@example.com"),
        before='AS "a" FROM "accounts_outgoingmail"',
    ) as changes:
        delivery.deliver_due()
    assert changes == [1]
    assert [mail.to for mail in mailoutbox] == [["new@example.com"]]
