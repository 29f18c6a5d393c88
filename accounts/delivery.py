"""Turning rows of the outbox into mails, by any number of workers.

A worker claims a row by moving its next try into the future, sends outside any transaction, and then notes what became of it. The row of
a worker that died is due again when its claim has run out: a mail goes out at least once, and no database waits for a mail server.
"""

import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from django.utils.timezone import now

from accounts import audit, mails, origin, passwords
from accounts.models import OutgoingMail, User

Kind, Fate = OutgoingMail.Kind, OutgoingMail.Fate
PER_HOUR = 5  # reset mails to one account

logger = logging.getLogger(__name__)


def deliver_due() -> int:
    """Work on every row that is due; on how many."""
    worked = 0
    while mail := OutgoingMail.objects.due().select_related("user").first():
        if mail.claim(settings.MAIL_CLAIM):
            deliver(mail)
            worked += 1
    return worked


def deliver(mail: OutgoingMail) -> None:
    """Send a claimed mail, or note why it was not sent; what fails for now is tried again later."""
    mail.user = recipient(mail)
    if mail.kind == Kind.RESET and mail.tries == 1:
        with origin.entered(mail.origin()):
            audit.record(audit.Kind.RESET_ASKED, user=mail.user, name=mail.typed)
    if mail.user is None:
        mail.close(Fate.NOBODY)
    elif mail.kind == Kind.RESET and had_enough(mail.user):
        mail.close(Fate.ENOUGH)
    else:
        try:
            send(mail, mail.user)
        except DatabaseError:
            raise
        except (SMTPException, OSError) as error:
            logger.warning("mail %s was not taken (%s)", mail.pk, type(error).__name__)
            mail.put_off(origin.printable(str(error), 500))
        except Exception as error:
            # Such as a template that an operator broke: it must not hold up the mails behind it.
            logger.exception("mail %s could not be written", mail.pk)
            mail.put_off(origin.printable(f"{type(error).__name__}: {error}", 500))
        else:
            mail.close(Fate.SENT)


def send(mail: OutgoingMail, user: User) -> None:
    with translation.override(user.language or mail.language or settings.LANGUAGE_CODE):
        if mail.kind == Kind.RESET:
            proof = passwords.make_reset(user)
            mails.reset(mail, user, proof).send()
            passwords.replace_resets(proof.reset)
        else:
            mails.notice(mail, user).send()


def recipient(mail: OutgoingMail) -> User | None:
    """Who is meant, if the account is active and has an address."""
    user = mail.user or User.objects.find(mail.typed)
    return user if user and user.is_active and user.email else None


def had_enough(user: User) -> bool:
    sent = user.mails.filter(kind=Kind.RESET, fate=Fate.SENT, closed_at__gt=now() - timedelta(hours=1))
    return sent.count() >= PER_HOUR
