"""A month of a busy service, as rows with past dates."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.timezone import now

from accounts.audit import statistics
from accounts.db.compiled_statements import CompiledInsert
from accounts.models import AuditEvent, OutgoingMail, Session, User

Kind, Status = AuditEvent.Kind, OutgoingMail.Status
CONTRACTS = (
    ("bearer", 9),
    ("camel", 6),
    ("form", 4),
    ("challenge", 2),
    ("envelope", 1),
    ("admin", 0.3),
)
OFTEN: tuple[tuple[str, str, float], ...] = (
    (Kind.LOGIN_FAILED, "wrong_password", 2.2),
    (Kind.LOGIN_FAILED, "no_such_account", 0.8),
    (Kind.LOGIN_FAILED, "account_inactive", 0.15),
    (Kind.THROTTLED, "guesses_by_name", 0.2),
    (Kind.THROTTLED, "guesses_by_address", 0.06),
    (Kind.REFRESH_FAILED, "session_ended", 0.9),
    (Kind.REFRESH_FAILED, "token_blacklisted", 0.2),
    (Kind.RESET_ASKED, "", 0.7),
    (Kind.PASSWORD_CHANGED, "reset_by_link", 0.4),
    (Kind.PASSWORD_CHANGED, "reset_by_code", 0.15),
    (Kind.PASSWORD_CHANGED, "changed", 0.1),
    (Kind.RESET_FAILED, "no_such_code", 0.1),
)
FULL = "452 4.2.2 Mailbox full"
STATUSES = ((Status.SENT, 1.1), (Status.NOBODY, 0.3), (Status.ENOUGH, 0.05), (Status.FAILED, 0.01))


_insert = CompiledInsert(AuditEvent)


def event(kind: str, at: datetime, *, user: User | None = None, **fields: Any) -> None:
    """Add an event of the time ``at``."""
    _insert(**columns(kind, at, user, **fields))


def columns(kind: str, at: datetime, user: User | None, **fields: Any) -> dict[str, Any]:
    named = {"user_id": user.pk, "name": user.username} if user else {"user_id": None, "name": ""}
    return {"kind": kind, "at": at, **named, **fields}


def add(events: list[dict[str, Any]]) -> None:
    """Add thousands of events, in their order."""
    with connection.cursor() as cursor:
        cursor.executemany(_insert.sql("VALUES ({})"), list(map(_insert.parameters, events)))


@transaction.atomic
def fill(user: User, scale: float = 1.0) -> None:
    """Add events and mails of thirty days with quiet nights and week-ends."""
    chance, end, mails = random.Random(5), now(), list[OutgoingMail]()
    events = list[dict[str, Any]]()
    hour = hour_of(end - timedelta(days=29))
    while hour < end:
        rush = (
            scale
            * (1.1 + math.sin((hour.hour - 8) / 24 * 2 * math.pi))
            * (0.4 if hour.weekday() > 4 else 1)
        )

        def moments(often: float, hour: datetime = hour, rush: float = rush) -> list[datetime]:
            times = [
                hour + timedelta(seconds=chance.randrange(3600))
                for _ in range(round(chance.gammavariate(4, often * rush / 4)))
            ]
            return [at for at in times if at < end]

        for contract, often in CONTRACTS:
            events += [columns(Kind.LOGIN, at, user, contract=contract) for at in moments(often)]
        for kind, reason, often in OFTEN:
            for at in moments(often * 3):
                contract, _ = chance.choice(CONTRACTS)
                events.append(columns(kind, at, user, reason=reason, contract=contract))
        for status, often in STATUSES:
            mails += [
                mail(user, status=status, at=at, error=FULL if status == Status.FAILED else "")
                for at in moments(often * 2)
            ]
        hour += timedelta(hours=1)
    add(events)
    OutgoingMail.objects.bulk_create(mails, batch_size=2000)


def count() -> None:
    """Count all hours that have ended; one call of ``close_hours`` takes a second at most."""
    at, until = statistics.close_hours()
    while until < (at - statistics.CLOSED_AFTER).replace(minute=0, second=0, microsecond=0):
        at, until = statistics.close_hours()


def mail(user: User, *, status: str, at: datetime, error: str = "", tries: int = 1) -> OutgoingMail:
    """Return a mail that was closed at this time; one that waits is due then."""
    waits = status == Status.WAITING
    return OutgoingMail(
        template=OutgoingMail.Template.RESET,
        identifier=user.username,
        user=user,
        status=status,
        recipient=user.email or "",
        created_at=at,
        next_try_at=at,
        give_up_at=at + timedelta(days=1),
        closed_at=None if waits else at,
        error=error,
        tries=tries,
    )


def session(user: User, contract: str, **fields: Any) -> Session:
    usual = {"last_used_at": now(), "expires_at": now() + timedelta(days=1)}
    return Session.objects.create(user=user, contract=contract, **(usual | fields))


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
