"""Delivery of the mails in the outbox, by any number of workers.

A worker claims a mail by moving its next try into the future, sends it outside any transaction, and
stores its status. The mail of a worker that died is due again when its claim has run out: a mail
goes out at least once, and no transaction waits for a mail server.
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
MAX_ERROR_LENGTH = 500  # characters of an error, as its column takes them

logger = logging.getLogger(__name__)


def deliver_due(stop: Callable[[], bool] = lambda: False) -> int:
    """Deliver every mail that is due; return how many. ``stop`` is asked between two mails."""
    delivered = 0
    while not stop() and (mail := OutgoingMail.objects.next_due()):
        if mail.claim(settings.MAIL_CLAIM):
            deliver(mail)
            delivered += 1
    return delivered


def deliver(mail: OutgoingMail) -> None:
    """Send a claimed mail and store its status; a mail that fails for now is put off."""
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
        reply = without_secrets(smtp_replies.text(error))
        return mail.fail(reply) if smtp_replies.is_permanent(error) else mail.put_off(reply)
    except Exception as error:
        # Such as an operator's broken template: it must not hold up the mails behind it.
        # No traceback: Django's message about a template lists the whole context.
        text = without_secrets(f"{type(error).__name__}: {error}")
        logger.error("mail %s could not be written (%s)", mail.pk, text)
        return mail.put_off(text)
    return mail.close(Status.SENT)


@transaction.atomic
def still_there(mail: OutgoingMail) -> bool:
    """Return whether the mail is still there: an erasure may have deleted it since it was claimed.

    The first try of a reset records that it was asked for, with the user locked, so that no erasure
    comes between. A mail that an operator sends again has an error from before.
    """
    if mail.user:
        User.objects.lock_row(mail.user.pk)
    if not OutgoingMail.objects.filter(pk=mail.pk).exists():
        return False
    if mail.template == Template.RESET and mail.tries == 1 and not mail.error:
        with request_context.use(mail.request_context()):
            audit_log.record(audit_log.Kind.RESET_ASKED, user=mail.user, identifier=mail.identifier)
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
    """Return the user to whom the mail goes; None for one who is inactive or has no address.

    An invitation goes to none who has a password by now. A mail with an address of its own goes
    there in any case.
    """
    user = mail.user or User.objects.find(mail.identifier)
    if mail.given_address:
        return user
    if user is None or not user.is_active or not user.email:
        return None
    return None if mail.template == Template.INVITATION and user.has_usable_password() else user


def without_secrets(text: str) -> str:
    """Return an error's text for operators, masking reset tokens and codes that it may quote."""
    secret = rf"[\w-]{{20,}}|\b[{password_reset.CODE_LETTERS}]{{8}}\b"
    return request_context.printable(re.sub(secret, _mask, text), MAX_ERROR_LENGTH)


def _mask(found: re.Match[str]) -> str:
    """Mask a match, but for lower-case words, which codes hardly ever are, and STARTTLS."""
    word = found[0]
    readable = (word.isalpha() and word.islower()) or word == "STARTTLS"
    return word if readable else "…"
