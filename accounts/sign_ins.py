"""Rows that a successful sign-in adds beside its session: its network, and a mail about a new one. A new password adds the network."""

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
    """Rows to add with the session: none if the account was seen on this network within a day, as nearly always."""
    if attempt.network is None or (
        attempt.last_seen_at and at - attempt.last_seen_at < LAST_SEEN_PRECISION
    ):
        return []
    seen = {"user_id": user.pk, "network": attempt.network, "first_seen_at": at, "last_seen_at": at}
    added: list[tuple[CompiledInsert, dict[str, Any]]] = [(_insert_network, seen)]
    if not attempt.from_known_network and _is_news(user, attempt.network):
        added.append((_insert_mail, outbox.row(outbox.Template.NEW_NETWORK, user=user)))
    return added


@transaction.atomic
def note(attempt: LoginAttempt, user: User) -> None:
    """Leave the same where no session of ours is opened: in the admin, whose sessions are Django's."""
    for insert, row in rows(attempt, user, now()):
        insert(**row)


def know_network(user: User) -> None:
    """Make the network of the present request one that the account is known from.

    For whoever has just chosen a new password there: the mail about that names the address, so no other one does.
    """
    if address := request_context.current().address:
        at = now()
        _insert_network(
            user_id=user.pk,
            network=request_context.network(address),
            first_seen_at=at,
            last_seen_at=at,
        )


def _is_news(user: User, network: str) -> bool:
    """Return whether the owner gets a mail about this network.

    The first sign-in ever is not told, and not many in a week from networks that change all the time.
    """
    wanted = settings.EMAILS_ENABLED and settings.NEW_NETWORK_MAIL
    return bool(
        wanted and user.email and user.last_login and rate_limits.may_tell_of_network(user, network)
    )
