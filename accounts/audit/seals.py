"""Seals of the audit log: every minute a row with which no later change of older events agrees.

A seal holds a keyed digest of each event since the seal before, and is chained to that one by a
digest of its own (HMAC with SHA-256). The key is random and stored encrypted, like the signing
keys: with the database, but without ``ENCRYPTION_KEYS`` or ``SECRET_KEY``, nobody can make a seal.
Replacing those keys leaves every seal valid.

The columns that may name a user have digests of their own. An erasure keeps these of the values
that it replaces, so that the event agrees with its seal afterwards. Without the key they do not
tell what the values were.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from struct import Struct

from django.db import IntegrityError, connection, transaction
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from accounts.audit import seal_digests
from accounts.audit.seal_digests import FIXED, PERSONAL, StoredEvent
from accounts.models import AuditEvent, AuditSeal, ErasedValue

MAX_EVENTS_PER_SEAL = 1000
# One call goes on sealing, or waits for other transactions, so long.
MAX_SEALING_TIME = timedelta(seconds=1)
MIN_RETENTION = timedelta(days=90)  # the database refuses to delete an event earlier
NO_SEAL = b"\0" * 32  # the first seal is chained to this
ENTRY = Struct(">q16s")  # of an event in a seal: its id and its digest


# Reading


def behind(at: datetime) -> timedelta | None:
    """Return how long the oldest unsealed event has waited; None if all events are sealed."""
    last = AuditSeal.objects.order_by("-number")
    after, sealed_at = Subquery(last.values("up_to")[:1]), Subquery(last.values("sealed_at")[:1])
    unsealed = (
        AuditEvent.objects.filter(pk__gt=Coalesce(after, 0))
        .order_by("pk")
        .values_list("at", sealed_at)[:100]
    )
    if not unsealed:
        return None
    since: datetime = min(at for at, _ in unsealed)
    last_seal: datetime = unsealed[0][1] or since
    return at - max(since, last_seal)


def rows_between(
    after: int, up_to: int | None = None, most: int | None = None
) -> list[StoredEvent]:
    """Return the events after one and up to another, in the order of their ids."""
    found = AuditEvent.objects.filter(
        pk__gt=after, **({"pk__lte": up_to} if up_to is not None else {})
    )
    names = ("id", *FIXED, *PERSONAL)
    return [
        StoredEvent(values[0], values[1], dict(zip(names, values, strict=True)))
        for values in found.order_by("pk").values_list(*names)[:most]
    ]


def erased_values(rows: Iterable[StoredEvent]) -> dict[int, dict[str, bytes]]:
    """Return the digests that erasures have kept of these events."""
    found: dict[int, dict[str, bytes]] = defaultdict(dict)
    ids = [row.id for row in rows]
    if ids:
        kept = ErasedValue.objects.filter(event_id__gte=ids[0], event_id__lte=ids[-1])
        for event_id, field, digest in kept.values_list("event_id", "field", "digest"):
            found[event_id][field] = bytes(digest)
    return found


# Sealing


def seal(max_time: timedelta | None = MAX_SEALING_TIME) -> int:
    """Seal the events before which no other can come any more; return their number.

    Any number of workers may call it at once. It ends after ``max_time``, if that is given; the
    next call goes on.
    """
    deadline = time.monotonic() + max_time.total_seconds() if max_time else float("inf")
    up_to, sealed = settled(min(deadline, time.monotonic() + 10)), 0
    if up_to is None:
        return 0
    secret = seal_digests.key()
    while count := _seal_next(secret, up_to):
        sealed += count
        if time.monotonic() >= deadline:
            break
    return sealed


def settled(deadline: float) -> int | None:
    """Return the newest event when all with lower ids are committed or undone.

    None if that takes longer than until ``deadline``. On PostgreSQL an id is taken before its row
    is committed, by a transaction that holds a lock on the table since before it took the id and
    until after its row is seen: when those that hold one now have ended, no lower id is missing.
    SQLite has one writer at a time.
    """
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None or connection.vendor != "postgresql":
        return newest
    writing = _writers()
    while writing:
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.02)
        writing &= _writers()
    return newest


def _writers() -> set[str]:
    """Return the transactions that may have added an event which no other sees yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE relation = %s::regclass AND granted"
            " AND pid <> pg_backend_pid() AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',"
            " 'AccessExclusiveLock')",
            [AuditEvent._meta.db_table],
        )
        return {found for (found,) in cursor.fetchall()}


def _seal_next(secret: bytes, up_to: int) -> int:
    """Seal the next events, of one day, up to ``MAX_EVENTS_PER_SEAL``; return their number.

    Of several workers one adds the row, and the others return 0.
    """
    last = AuditSeal.objects.order_by("-number").defer("rows").first()
    found = rows_between(last.up_to if last else 0, up_to, MAX_EVENTS_PER_SEAL)
    rows = list(takewhile(lambda row: row.at.date() == found[0].at.date(), found))
    if not rows:
        return 0
    try:
        with transaction.atomic():
            _made(secret, last, rows).save(force_insert=True)
    except IntegrityError:
        if AuditSeal.objects.filter(number=last.number + 1 if last else 1).exists():
            return 0
        raise
    return len(rows)


def _made(secret: bytes, last: AuditSeal | None, rows: list[StoredEvent]) -> AuditSeal:
    erased = erased_values(rows)
    number = last.number + 1 if last else 1
    made = AuditSeal(
        number=number,
        after=last.up_to if last else 0,
        up_to=rows[-1].id,
        last_at=max(row.at for row in rows),
        previous_at=last.last_at if last else None,
        sealed_at=now(),
        rows=b"".join(
            ENTRY.pack(row.id, seal_digests.digest_of_event(secret, row, erased[row.id]))
            for row in rows
        ),
        previous=bytes(last.digest) if last else NO_SEAL,
        token=seal_digests.token(secret, number),
        next_lock=seal_digests.token_digest(secret, number + 1),
    )
    made.digest = seal_digests.digest_of_seal(secret, made)
    return made


# Retention


def delete_before(before: datetime) -> Iterator[int]:
    """Delete the oldest seals with all events from before then, and these events.

    Yield the number of events of each seal.
    """
    seal(None)
    before = min(before, now() - MIN_RETENTION)
    while (count := _delete_oldest(before)) is not None:
        yield count


def _delete_oldest(before: datetime) -> int | None:
    """Delete one seal with its events; None if there is none to delete.

    On PostgreSQL a function does it, with the rights of the tables' owner. The newest seal stays:
    the next is chained to it.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounts_forget_events(%s)", [before])
            found: int | None = cursor.fetchone()[0]
            return found
    with transaction.atomic():
        oldest = AuditSeal.objects.order_by("number").first()
        if oldest is None or oldest.last_at >= before:
            return None
        events = AuditEvent.objects.filter(pk__gt=oldest.after, pk__lte=oldest.up_to)
        count = int(events._raw_delete(events.db))
        ErasedValue.objects.filter(event_id__gt=oldest.after, event_id__lte=oldest.up_to).delete()
        if AuditSeal.objects.filter(number__gt=oldest.number).exists():
            oldest.delete()
            return count
        return count or None
