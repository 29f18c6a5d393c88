"""Events taken along: as CSV for a spreadsheet, or as JSON Lines for a program."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from io import StringIO
from typing import Any

from accounts.audit import messages as audit_messages
from accounts.models import AuditEvent
from accounts.transfer.csv_writer import csv_line

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
PIECE = 200  # lines that are sent together


def as_csv(events: Iterable[AuditEvent]) -> Iterator[str]:
    """With the names of the columns in the first row."""
    buffer = StringIO(csv_line(COLUMNS))
    buffer.seek(0, 2)
    for number, event in enumerate(events, 1):
        buffer.write(
            csv_line(
                json.dumps(cell) if isinstance(cell, dict) else cell for cell in row(event).values()
            )
        )
        if number % PIECE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def as_jsonl(events: Iterable[AuditEvent]) -> Iterator[str]:
    """One object on each line."""
    buffer = StringIO()
    for number, event in enumerate(events, 1):
        buffer.write(json.dumps(row(event), ensure_ascii=False, separators=(",", ":")) + "\n")
        if number % PIECE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


FORMATS: dict[str, Callable[[Iterable[AuditEvent]], Iterator[str]]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
}


def row(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "at": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "kind": event.kind,
        "sentence": audit_messages.sentence(event),
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


def _taken(buffer: StringIO) -> str:
    taken = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return taken
