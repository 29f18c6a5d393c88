"""Networks that accounts sign in from, and the mails about new ones.

A sign-in adds these rows beside its session; a new password adds the network alone.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from accounts import rate_limits, request_context
from accounts.db.compiled_statements import CompiledInsert
from accounts.mail import outbox
from accounts.models import OutgoingMail, User
from accounts.models.known_network import LAST_SEEN_PRECISION, KnownNetwork
from accounts.rate_limits import LoginAttempt

_insert_network = CompiledInsert(
    KnownNetwork, unique=("user_id", "network"), update=("last_seen_at",)
)
_insert_mail = CompiledInsert(OutgoingMail)


def rows(
    attempt: LoginAttempt, user: User, at: datetime
) -> list[tuple[CompiledInsert, dict[str, Any]]]:
    """Return the rows to insert with a session.

    There are none if the account was seen on this network within a day, as nearly always.
    """
    if attempt.network is None or (
        attempt.last_seen_at and at - attempt.last_seen_at < LAST_SEEN_PRECISION
    ):
        return []
    seen = {"user_id": user.pk, "network": attempt.network, "first_seen_at": at, "last_seen_at": at}
    added: list[tuple[CompiledInsert, dict[str, Any]]] = [(_insert_network, seen)]
    if not attempt.from_known_network and _is_worth_a_mail(user, attempt.network):
        added.append((_insert_mail, outbox.row(outbox.Template.NEW_NETWORK, user=user)))
    return added


@transaction.atomic
def note(attempt: LoginAttempt, user: User) -> None:
    """Insert the same rows for a sign-in to the admin site, whose sessions are Django's."""
    for insert, row in rows(attempt, user, now()):
        insert(**row)


def add_current(user: User) -> None:
    """Make the network of the present request one that the account is known from.

    It is called when the user has chosen a new password there. The mail about that names the
    address, so no second mail does.
    """
    if address := request_context.current().address:
        at = now()
        _insert_network(
            user_id=user.pk,
            network=request_context.network(address),
            first_seen_at=at,
            last_seen_at=at,
        )


def _is_worth_a_mail(user: User, network: str) -> bool:
    """Return whether the owner gets a mail about this network.

    There is none about the first sign-in ever, and not many a week for networks that change all
    the time.
    """
    wanted = settings.EMAILS_ENABLED and settings.NEW_NETWORK_MAIL
    return bool(
        wanted
        and user.email
        and user.last_login
        and rate_limits.may_mail_about_network(user, network)
    )
