"""Actions on a user's mails: sent now, sent again, or replaced by a new reset mail.

Each gets the id of an `OutgoingMail` of the user as `mail`.
"""

from __future__ import annotations

from accounts.audit.audit_log import Kind
from accounts.audit.reasons import Reason
from accounts.mail import outbox
from accounts.models import OutgoingMail, OutgoingMailQuerySet, User
from accounts.operators.actions import Action, Outcome
from accounts.operators.user_actions import can_get_mail, mail_reset


def _send_again(user: User, mail: str) -> Outcome | None:
    found = _find(user, mail)
    return _outcome(found) if found.send_again() else None


def _send_now(user: User, mail: str) -> Outcome | None:
    found = _find(user, mail)
    return _outcome(found) if found.send_now() else None


def _send_new_reset(user: User, mail: str) -> Outcome | None:
    """Mail a new reset in place of an outdated one; none while another reset mail is waiting."""
    mails = OutgoingMail.objects.filter(user=user)
    outdated = mails.outdated().filter(pk=int(mail))
    if not outdated.exists() or mails.waiting().filter(template=outbox.Template.RESET).exists():
        return None
    return mail_reset(user)


def _find(user: User, mail: str) -> OutgoingMailQuerySet:
    return OutgoingMail.objects.filter(pk=int(mail), user=user)


def _outcome(found: OutgoingMailQuerySet) -> Outcome:
    mail = found.get()
    return Outcome(Reason.MAIL, {"mail": mail.pk, "kind": mail.template})


SEND_AGAIN = Action(
    name="send_again", kind=Kind.MAIL_SENT_AGAIN, perform=_send_again, allowed_on_oneself=True
)
SEND_NOW = Action(
    name="send_now", kind=Kind.MAIL_SENT_AGAIN, perform=_send_now, allowed_on_oneself=True
)
SEND_NEW_RESET = Action(
    name="send_fresh_reset",
    kind=Kind.RESET_SENT,
    perform=_send_new_reset,
    applies=can_get_mail,
)
