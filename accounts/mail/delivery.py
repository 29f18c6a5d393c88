"""Turning rows of the outbox into mails, by any number of workers.

A worker claims a row by moving its next try into the future, sends outside any transaction, and then notes what became of it. The row of
a worker that died is due again when its claim has run out: a mail goes out at least once, and no database waits for a mail server.
"""

import logging
import re
from collections.abc import Callable
from smtplib import SMTPException

from django.conf import settings
from django.db import Error, transaction
from django.utils import translation

from accounts import password_reset, request_context
from accounts.audit import audit_log
from accounts.errors import TooManyResets
from accounts.mail import messages as mail_messages
from accounts.mail import smtp_replies
from accounts.mail.templates import Template
from accounts.models import OutgoingMail, User

Status = OutgoingMail.Status

logger = logging.getLogger(__name__)


def deliver_due(stop: Callable[[], bool] = lambda: False) -> int:
    """Work on every row that is due, or until told to stop between two of them; on how many."""
    worked = 0
    while not stop() and (mail := OutgoingMail.objects.next_due()):
        if mail.claim(settings.MAIL_CLAIM):
            deliver(mail)
            worked += 1
    return worked


def deliver(mail: OutgoingMail) -> None:
    """Send a claimed mail, or note why it was not sent; what fails for now is tried again later, what is refused for good is not."""
    mail.user = recipient(mail)
    if not still_there(mail):
        return None
    if mail.user is None:
        return mail.close(Status.NOBODY)
    try:
        send(mail, mail.user)
    except Error:
        raise
    except TooManyResets:
        return mail.close(Status.ENOUGH)
    except (SMTPException, OSError) as error:
        logger.warning("mail %s was not taken (%s)", mail.pk, type(error).__name__)
        said = discreet(smtp_replies.words(error))
        return mail.fail(said) if smtp_replies.refused_for_good(error) else mail.put_off(said)
    except Exception as error:
        # Such as a template that an operator broke: it must not hold up the mails behind it. No traceback: Django's complaint about
        # a template lists all that it was given.
        said = discreet(f"{type(error).__name__}: {error}")
        logger.error("mail %s could not be written (%s)", mail.pk, said)
        return mail.put_off(said)
    return mail.close(Status.SENT)


@transaction.atomic
def still_there(mail: OutgoingMail) -> bool:
    """Return whether the mail is still there: an erasure may have deleted it since it was claimed.

    At the first try, the request for it is put on record.

    The account is locked, so that no erasure comes between. A mail that an operator sends again has an error from before.
    """
    if mail.user:
        User.objects.lock(mail.user.pk)
    if not OutgoingMail.objects.filter(pk=mail.pk).exists():
        return False
    if mail.template == Template.RESET and mail.tries == 1 and not mail.error:
        with request_context.use(mail.request_context()):
            audit_log.record(audit_log.Kind.RESET_ASKED, user=mail.user, name=mail.identifier)
    return True


def send(mail: OutgoingMail, user: User) -> None:
    with translation.override(user.language or mail.language or settings.LANGUAGE_CODE):
        if mail.template not in (Template.RESET, Template.INVITATION):
            mail_messages.notice(mail, user).send()
            return
        reset_secrets = password_reset.make(user, mail)
        mail_messages.reset(mail, user, reset_secrets).send()
        password_reset.void_earlier(reset_secrets.reset)


def recipient(mail: OutgoingMail) -> User | None:
    """Return the account that is meant, if it is active and has an address.

    Nobody is invited who has a password by now.

    What was asked for with an address goes there in any case.
    """
    user = mail.user or User.objects.find(mail.identifier)
    if mail.given_address:
        return user
    if user is None or not user.is_active or not user.email:
        return None
    return None if mail.template == Template.INVITATION and user.has_usable_password() else user


def discreet(said: str) -> str:
    """What a mail server said, for operators to read, without what it may have repeated of the mail: a link's token or a code."""
    return request_context.printable(
        re.sub(rf"[\w-]{{20,}}|\b[{password_reset.CODE_LETTERS}]{{8}}\b", mask, said), 500
    )


def mask(found: re.Match[str]) -> str:
    """Words in small letters stay readable, since a code hardly ever is one, and so does the command that replies name most."""
    return (
        found[0] if (found[0].isalpha() and found[0].islower()) or found[0] == "STARTTLS" else "…"
    )
