"""Export of audit events: as CSV for a spreadsheet, or as JSON Lines for a program."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from itertools import islice
from typing import Any

from accounts.audit import event_messages
from accounts.models import AuditEvent
from accounts.transfer.csv_writer import csv_lines

COLUMNS = (
    "id",
    "at",
    "kind",
    "sentence",
    "user",
    "actor",
    "name",
    "session",
    "contract",
    "address",
    "request_id",
    "reason",
    "data",
    "note",
)
LINES_OF_A_CHUNK = 200


def as_csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield CSV with the names of the columns in the first line."""
    rows = (
        (json.dumps(cell) if isinstance(cell, dict) else cell for cell in row(event).values())
        for event in events
    )
    return _in_chunks(csv_lines(COLUMNS, rows))


def as_jsonl(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield JSON Lines: one object on each line."""
    return _in_chunks(
        json.dumps(row(event), ensure_ascii=False, separators=(",", ":")) + "\n" for event in events
    )


FORMATS: dict[str, Callable[[Iterable[AuditEvent]], Iterator[str]]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
}


def row(event: AuditEvent) -> dict[str, Any]:
    """Return an event as values of JSON, by column."""
    return {
        "id": event.pk,
        "at": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "kind": event.kind,
        "sentence": event_messages.text(event),
        "user": str(event.user.uuid) if event.user else None,
        "actor": event.actor.username if event.actor else None,
        "name": event.name,
        "session": str(event.session) if event.session else None,
        "contract": event.contract,
        "address": event.address,
        "request_id": event.request_id,
        "reason": event.reason,
        "data": event.data,
        "note": event.note,
    }


def _in_chunks(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, many of them in one string, so that each write of the response is large."""
    remaining = iter(lines)
    while chunk := "".join(islice(remaining, LINES_OF_A_CHUNK)):
        yield chunk
