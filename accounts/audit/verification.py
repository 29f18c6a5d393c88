"""Verification of the audit log: its events compared with their seals."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from accounts.audit import seal_digests, seals
from accounts.models import AuditEvent, AuditSeal, SealKey

Seals = Iterable[AuditSeal]


class Tampered(Exception):
    """An event that was changed, removed or put in since it was sealed, as a sentence."""


@dataclass
class Verification:
    """The events that agree with their seals, up to the last seal; later ones are not sealed."""

    events: int = 0
    first: int | None = None  # the last event that retention has deleted
    last: AuditSeal | None = None
    unsealed: int = 0
    unsealed_since: datetime | None = None


def verify(progress: Callable[[Seals], Seals] = iter, noted: str = "") -> Verification:
    """Compare every event with its seal, a seal at a time; ``Tampered`` at the first difference.

    ``noted`` is a seal as an earlier verification printed it, ``number:digest``, which still has to
    be there.
    ``UnusableSealKey`` if the key of the seals cannot be decrypted.
    """
    result = Verification()
    if AuditSeal.objects.exists() and not SealKey.objects.exists():
        raise Tampered("The key of the seals was removed: nothing can be compared any more.")
    secret, stand_ins = seal_digests.key(), _stand_ins()
    for seal in progress(_seals()):
        _check_seal(secret, seal, result.last)
        result.events += _check_events(secret, seal, result.last, stand_ins)
        result.first = seal.after if result.first is None else result.first
        result.last = seal
        noted = "" if noted == name(seal) else noted
    if noted:
        raise Tampered(
            f"The seal {noted[:80]} is not there, or not any more: the log was cut off behind an "
            "earlier one, or made anew."
        )
    since = AuditEvent.objects.filter(pk__gt=result.last.up_to if result.last else 0)
    result.unsealed, result.unsealed_since = (
        since.count(),
        since.order_by("pk").values_list("at", flat=True).first(),
    )
    return result


def name(seal: AuditSeal) -> str:
    """Return the seal in a short form to be noted elsewhere: number and beginning of the digest."""
    return f"{seal.number}:{bytes(seal.digest).hex()[:32]}"


def _seals() -> Iterator[AuditSeal]:
    """Yield all seals, read a few at a time: each has the digests of up to a thousand events."""
    last = 0
    while page := list(AuditSeal.objects.filter(number__gt=last).order_by("number")[:20]):
        yield from page
        last = page[-1].number


def _stand_ins() -> set[str]:
    return set(
        AuditEvent.objects.filter(kind=AuditEvent.Kind.ERASED).values_list("name", flat=True)
    )


def _check_seal(secret: bytes, seal: AuditSeal, before: AuditSeal | None) -> None:
    if before is None:
        _check_beginning(seal)
    elif seal.number != before.number + 1:
        raise Tampered(
            f"Seal {before.number + 1} was removed: events after {before.up_to} cannot be compared."
        )
    chained = before is None or (bytes(seal.previous), seal.after) == (
        bytes(before.digest),
        before.up_to,
    )
    if not chained or bytes(seal.digest) != seal_digests.digest_of_seal(secret, seal):
        raise Tampered(
            f"Seal {seal.number} was changed, or was not made by this service: events "
            f"{seal.after + 1} to {seal.up_to}."
        )


def _check_beginning(seal: AuditSeal) -> None:
    """``Tampered`` if events before the first seal were removed, but not by ``AUDIT_RETENTION``."""
    if seal.number == 1 or (
        seal.previous_at
        and settings.AUDIT_RETENTION
        and seal.previous_at < now() - settings.AUDIT_RETENTION
    ):
        return
    kept = (
        "AUDIT_RETENTION is not set"
        if settings.AUDIT_RETENTION is None
        else "they were younger than AUDIT_RETENTION"
    )
    raise Tampered(
        f"Events up to {seal.after} were removed together with their seals, although {kept}."
    )


def _check_events(
    secret: bytes, seal: AuditSeal, before: AuditSeal | None, stand_ins: set[str]
) -> int:
    """Compare the events of one seal, in the order of their ids; return their number."""
    sealed = dict(seals.ENTRY.iter_unpack(bytes(seal.rows)))
    rows = {
        row.id: row for row in seals.rows_between(seal.after if before else -(2**63), seal.up_to)
    }
    if (
        not rows
        and before is None
        and settings.AUDIT_RETENTION
        and seal.last_at < now() - settings.AUDIT_RETENTION
    ):
        return 0  # of the newest seal, retention deletes the events alone
    erased = seals.erased_values(list(rows.values()))
    for event_id in sorted(sealed.keys() | rows.keys()):
        if event_id not in sealed:
            raise Tampered(_tampering(event_id, rows[event_id], "was put in", seal))
        if event_id not in rows:
            if not AuditSeal.objects.filter(pk=seal.pk).exists():
                return 0  # retention has deleted both meanwhile
            raise Tampered(_tampering(event_id, None, "was removed", seal))
        if (
            seal_digests.digest_of_event(secret, rows[event_id], erased[event_id])
            != sealed[event_id]
        ):
            raise Tampered(_tampering(event_id, rows[event_id], "was changed", seal))
        if "name" in erased[event_id] and not _is_stand_in(
            rows[event_id].values["name"], stand_ins
        ):
            raise Tampered(
                _tampering(
                    event_id, rows[event_id], "was erased without an event of the erasure", seal
                )
            )
    return len(rows)


def _is_stand_in(name: str, known: set[str]) -> bool:
    if not seal_digests.is_erased("name", name) or name in known:
        return True  # not erased when this row was read, or with an event of the erasure
    return AuditEvent.objects.filter(kind=AuditEvent.Kind.ERASED, name=name).exists()


def _tampering(event_id: int, row: Any, change: str, seal: AuditSeal) -> str:
    event = (
        f"Event {event_id} ({row.values['kind']}, {row.at:%Y-%m-%d %H:%M:%S} UTC)"
        if row
        else f"Event {event_id}"
    )
    return f"{event} {change} after it was sealed at {seal.sealed_at:%Y-%m-%d %H:%M:%S} UTC."
