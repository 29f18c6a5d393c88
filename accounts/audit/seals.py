"""The audit log sealed: every minute a row that no later change of the events before it agrees with.

A seal holds a keyed digest of each event since the seal before, and is chained to that one by a digest of its own
(HMAC with SHA-256). The key is random and stored encrypted, like the signing keys: whoever has the database, and not
``ENCRYPTION_KEYS`` or ``SECRET_KEY``, cannot make a seal, and replacing those keys leaves every seal good.

The columns that may name somebody have digests of their own. An erasure keeps these of the values that it replaces, so
that the event agrees with its seal afterwards; they tell nobody without the key what the values were.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from struct import Struct
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import Subquery
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from accounts import encryption
from accounts.audit.reasons import Reason
from accounts.errors import UnusableSealKey
from accounts.models import AuditEvent, AuditSeal, ErasedValue, SealKey

FIXED = ("at", "kind", "session", "contract", "request_id", "reason")
PERSONAL = ("user_id", "actor_id", "name", "address", "data", "note")  # what an erasure may replace
MOST = 1000  # events of one seal
PATIENCE = timedelta(
    seconds=1
)  # for which one call goes on sealing, and waits for transactions under way
KEPT = timedelta(days=90)  # the database refuses to delete an event earlier
NOTHING = b"\0" * 32  # what the first seal is chained to
CONTEXT = "key of the seals of the audit log"
ENTRY = Struct(">q16s")  # of an event in a seal: its id and its digest


class Row(NamedTuple):
    """An event as it is stored now."""

    id: int
    at: datetime
    values: dict[str, Any]


# Digests


def key() -> bytes:
    """Return the key of the seals, made now if there is none. ``UnusableSealKey`` if it cannot be decrypted.

    On PostgreSQL ``manage.py setup`` makes it: the role of the web nodes may not.
    """
    stored = SealKey.objects.filter(pk=1).first()
    if stored is None:
        secret = secrets.token_bytes(32)
        made = SealKey(
            pk=1, sealed=encryption.encrypt(secret, CONTEXT), first_lock=_lock(secret, 1)
        )
        SealKey.objects.bulk_create(
            [made], ignore_conflicts=True
        )  # of two who make one at once, one is first
        stored = SealKey.objects.get(pk=1)
    return _open(stored)


def _open(stored: SealKey) -> bytes:
    try:
        return encryption.decrypt(stored.sealed, CONTEXT)
    except encryption.InvalidToken:
        raise UnusableSealKey(
            Reason.UNREADABLE, data={"what": "the key of the audit log's seals"}
        ) from None


def reencrypt() -> int:
    """Encrypt the key of the seals under the first encryption key; how many."""
    for stored in SealKey.objects.select_for_update():
        stored.sealed = encryption.encrypt(_open(stored), CONTEXT)
        stored.save(update_fields=["sealed"])
    return SealKey.objects.count()


def digest_of_value(secret: bytes, event_id: int, field: str, value: Any) -> bytes:
    return hmac.digest(secret, _canonical([event_id, field, value]), "sha256")


def digest_of_event(secret: bytes, row: Row, erased: dict[str, bytes]) -> bytes:
    """Return the digest of an event; ``erased`` has those of the values that an erasure replaced."""
    fixed = _canonical([row.id, *(row.values[field] for field in FIXED)])
    digests = []
    for field in PERSONAL:
        value = row.values[field]
        kept = erased.get(field) if is_erased(field, value) else None
        digests.append(kept or digest_of_value(secret, row.id, field, value))
    return hmac.digest(secret, b"".join(digests) + fixed, "sha256")[:16]


def digest_of_seal(secret: bytes, seal: AuditSeal) -> bytes:
    said = [seal.number, seal.after, seal.up_to, seal.last_at, seal.previous_at, seal.sealed_at]
    binary = (seal.token, seal.next_lock, seal.previous, seal.rows)
    return hmac.digest(
        secret, _canonical(said) + b"".join(bytes(each) for each in binary), "sha256"
    )


def token(secret: bytes, number: int) -> bytes:
    """Return the token of the seal with this number, which PostgreSQL asks of whoever adds it.

    The database has the token's SHA-256 from the seal before, so that the right to add rows is not enough.
    """
    return hmac.digest(secret, _canonical(["token", number]), "sha256")


def _lock(secret: bytes, number: int) -> bytes:
    return hashlib.sha256(token(secret, number)).digest()


def is_erased(field: str, value: Any) -> bool:
    """Return whether a value is one that an erasure leaves."""
    if field == "name":
        return bool(value.startswith("erased-"))
    return value in ({"data": {}, "note": "erased"}.get(field), None)


def _canonical(values: Any) -> bytes:
    return json.dumps(values, default=_plain, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


# Reading


def behind(at: datetime) -> timedelta | None:
    """Return for how long nothing has been sealed although there are events to seal; None if there are none."""
    last = AuditSeal.objects.order_by("-number")
    after, sealed_at = Subquery(last.values("up_to")[:1]), Subquery(last.values("sealed_at")[:1])
    waiting = (
        AuditEvent.objects.filter(pk__gt=Coalesce(after, 0))
        .order_by("pk")
        .values_list("at", sealed_at)[:100]
    )
    if not waiting:
        return None
    since: datetime = min(happened for happened, _ in waiting)
    lately: datetime = waiting[0][1] or since
    return at - max(since, lately)


def rows_between(after: int, up_to: int | None = None, most: int | None = None) -> list[Row]:
    """Return the events after one and up to another, in the order of their ids."""
    found = AuditEvent.objects.filter(
        pk__gt=after, **({"pk__lte": up_to} if up_to is not None else {})
    )
    names = ("id", *FIXED, *PERSONAL)
    return [
        Row(values[0], values[1], dict(zip(names, values, strict=True)))
        for values in found.order_by("pk").values_list(*names)[:most]
    ]


def erased_values(rows: Iterable[Row]) -> dict[int, dict[str, bytes]]:
    """Return the digests that erasures have kept of these events."""
    found: dict[int, dict[str, bytes]] = defaultdict(dict)
    ids = [row.id for row in rows]
    if ids:
        kept = ErasedValue.objects.filter(event_id__gte=ids[0], event_id__lte=ids[-1])
        for event_id, field, digest in kept.values_list("event_id", "field", "digest"):
            found[event_id][field] = bytes(digest)
    return found


# Sealing


def seal(patience: timedelta | None = PATIENCE) -> int:
    """Seal the events that nothing can come before any more; how many. Any number of workers may call it at once.

    It ends after ``patience``, if that is given; the next call goes on.
    """
    deadline = time.monotonic() + patience.total_seconds() if patience else float("inf")
    up_to, sealed = settled(min(deadline, time.monotonic() + 10)), 0
    if up_to is None:
        return 0
    secret = key()
    while count := _seal_next(secret, up_to):
        sealed += count
        if time.monotonic() >= deadline:
            break
    return sealed


def settled(deadline: float) -> int | None:
    """Return the newest event if all that have lower ids are committed or undone; None if that takes longer.

    On PostgreSQL an id is taken before its row is committed, by a transaction that holds a lock on the table since
    before it took the id and until after its row is seen: when those that hold one now have ended, no lower id is out.
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
    """Return the transactions that may have added an event which nobody else sees yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE relation = %s::regclass AND granted AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')",
            [AuditEvent._meta.db_table],
        )
        return {found for (found,) in cursor.fetchall()}


def _seal_next(secret: bytes, up_to: int) -> int:
    """Seal the next events, of one day, up to ``MOST``; how many. Of several workers one adds the row, and the others none."""
    last = AuditSeal.objects.order_by("-number").defer("rows").first()
    found = rows_between(last.up_to if last else 0, up_to, MOST)
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


def _made(secret: bytes, last: AuditSeal | None, rows: list[Row]) -> AuditSeal:
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
            ENTRY.pack(row.id, digest_of_event(secret, row, erased[row.id])) for row in rows
        ),
        previous=bytes(last.digest) if last else NOTHING,
        token=token(secret, number),
        next_lock=_lock(secret, number + 1),
    )
    made.digest = digest_of_seal(secret, made)
    return made


# Forgetting


def forget(before: datetime) -> Iterator[int]:
    """Delete the oldest seals of which every event happened before then, and these events; yield how many of each."""
    seal(None)
    before = min(before, now() - KEPT)
    while (count := _forget_oldest(before)) is not None:
        yield count


def _forget_oldest(before: datetime) -> int | None:
    """On PostgreSQL a function does it, with the rights of the tables' owner. The newest seal stays: the next is chained to it."""
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
