"""Erasure of a user from the audit log, under an event of the erasure.

The kind, time and request of each event stay. The database lets an event lose its user only if an
event of the kind ``erased`` names the same account and the same stand-in. On PostgreSQL a function
adds that event and makes the change, with the rights of the tables' owner: the web nodes have no
right to change an event.
"""

import json
from typing import Any

from django.db import connection
from django.db.models import Case, F, JSONField, Q, Value, When

from accounts.audit import audit_log, seal_digests
from accounts.identifiers import identifiers_of
from accounts.models import AuditEvent, ErasedValue, User
from accounts.models.audit_event import about, stored_identifier

EVENTS_PER_UPDATE = 5000  # events that are held in memory at once


def erase(user: User, stand_in: str, *, actor: User | None = None, note: str = "") -> int:
    """Put ``stand_in`` in the place of a user in all events about them, by them, or of no account
    in which their identifiers were typed.

    Call it in a transaction that holds the account's row locked, before the account loses its
    names. ``actor`` and ``note`` are those of the event of the erasure, of which there is one for
    each ``EVENTS_PER_UPDATE``. Return the number of the other events that were changed.
    """
    if not stand_in.startswith(audit_log.ERASED):
        raise ValueError(f"a stand-in begins with {audit_log.ERASED}")
    own = audit_log.event(audit_log.Kind.ERASED, user=user, name=stand_in, actor=actor, note=note)
    change = _change_by_function if connection.vendor == "postgresql" else _change
    rows = list(_to_erase(user)[:EVENTS_PER_UPDATE])
    count = change(own, rows, _replaced(user, rows))
    while rows and (rows := list(_to_erase(user).filter(pk__gt=rows[-1].pk)[:EVENTS_PER_UPDATE])):
        count += change(own, rows, _replaced(user, rows))
    return count


def _to_erase(user: User) -> Any:
    """Return the events that still name the user, each once."""
    own = Q(kind=audit_log.Kind.ERASED, user=user)
    return AuditEvent.objects.filter((about(user) & ~own) | Q(actor=user)).order_by("pk")


def _replaced(user: User, events: list[AuditEvent]) -> list[ErasedValue]:
    """Return the digests of all values that these events are about to lose."""
    secret = seal_digests.key()
    return [
        ErasedValue(
            event_id=event.pk,
            field=field,
            digest=seal_digests.digest_of_value(secret, event.pk, field, getattr(event, field)),
        )
        for event in events
        for field in _lost(user, event)
        if getattr(event, field) not in (None, "", {})
    ]


def _lost(user: User, event: AuditEvent) -> list[str]:
    """Return the columns that an erasure replaces in one event."""
    names = {stored_identifier(each) for each in identifiers_of(user)}
    by_user = event.actor_id == user.pk
    about_user = event.user_id == user.pk if event.user_id else event.name in names
    about_user = about_user and not (event.kind == audit_log.Kind.ERASED and event.user_id)
    lost = ["actor_id"] if by_user else []
    lost += ["address"] if by_user or (about_user and event.actor_id is None) else []
    lost += ["user_id", "name", "note"] if about_user else []
    return lost + (["data"] if about_user and event.kind not in audit_log.IMPERSONAL else [])


def _change_by_function(
    own: dict[str, Any], events: list[AuditEvent], replaced: list[ErasedValue]
) -> int:
    values = [
        {"event_id": value.event_id, "field": value.field, "digest": bytes(value.digest).hex()}
        for value in replaced
    ]
    with connection.cursor() as cursor:
        sql = "SELECT accounts_erase_events(%s::jsonb, %s::bigint[], %s::jsonb)"
        cursor.execute(
            sql, [json.dumps(own, default=str), [event.pk for event in events], json.dumps(values)]
        )
        return int(cursor.fetchone()[0])


def _change(own: dict[str, Any], events: list[AuditEvent], replaced: list[ErasedValue]) -> int:
    """Make the change of PostgreSQL's function on SQLite; return the number of these events."""
    audit_log.insert(**own)
    user = User.objects.get(pk=own["user_id"])
    kept = set(
        ErasedValue.objects.filter(event_id__in={value.event_id for value in replaced}).values_list(
            "event_id", "field"
        )
    )
    ErasedValue.objects.bulk_create(
        value for value in replaced if (value.event_id, value.field) not in kept
    )
    rows = AuditEvent.objects.filter(pk__in=[event.pk for event in events])
    rows.filter(actor=user).update(actor=None, address=None)
    rows.filter(about(user)).exclude(kind=audit_log.Kind.ERASED, user=user).update(
        user=None,
        name=own["name"],
        address=Case(When(actor=None, then=None), default=F("address")),
        data=Case(
            When(kind__in=audit_log.IMPERSONAL, then=F("data")), default=Value({}, JSONField())
        ),
        note=Case(When(note="", then=Value("")), default=Value(audit_log.ERASED_NOTE)),
    )
    return len(events)
