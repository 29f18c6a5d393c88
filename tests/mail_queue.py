"""The queue of mails in tests."""

from django.utils.timezone import now

from accounts import password_reset
from accounts.models import OutgoingMail


def ask(*typed):
    for each in typed:
        password_reset.ask(each)


def statuses():
    return list(OutgoingMail.objects.order_by("pk").values_list("status", flat=True))


def recipients(mailoutbox):
    return [address for message in mailoutbox for address in message.recipients()]


def make_due():
    """End the pauses until the next try."""
    OutgoingMail.objects.waiting().update(next_try_at=now())
