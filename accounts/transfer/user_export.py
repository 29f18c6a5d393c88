"""Accounts written out for another system, or for a spreadsheet: a page at a time, however many there are."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.models import User
from accounts.transfer.csv_writer import Raw, csv_line
from accounts.transfer.file_reader import COLUMNS, SECRETS, Format

PAGE = 1000
PUBLIC = tuple(column for column in COLUMNS if column not in SECRETS)


def export(
    people: QuerySet[User],
    form: Format,
    *,
    what: str,
    actor: User | None = None,
    reason: str = "",
    hashes: bool = False,
) -> Iterator[str]:
    """The text of a file of these accounts, in pieces, once it is on record that it was asked for. ``hashes`` is for moving out."""
    data = {"what": what, "format": form, **({"hashes": True} if hashes else {})}
    audit_log.record(
        audit_log.Kind.EXPORTED, actor=actor, reason=Reason.EXPORT, data=data, note=reason
    )
    columns = (*PUBLIC, "password_hash") if hashes else PUBLIC
    found = rows(people, columns)
    return csv_text(columns, found) if form == "csv" else jsonl_text(found)


def rows(people: QuerySet[User], columns: Iterable[str] = PUBLIC) -> Iterator[dict[str, Any]]:
    """Every account of them, in the order in which they were made; of those that were erased nothing is left to tell."""
    last, columns = 0, tuple(columns)
    ordered = people.filter(erased_at=None).order_by("pk")
    while page := list(ordered.filter(pk__gt=last)[:PAGE]):
        yield from (row(user, columns) for user in page)
        last = page[-1].pk


def row(user: User, columns: Iterable[str] = PUBLIC) -> dict[str, Any]:
    return {name: _value(user, name) for name in columns}


def csv_text(columns: Iterable[str], found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a header and lines; no value is a formula to a spreadsheet."""
    yield csv_line(columns)
    for each in found:
        yield csv_line(
            Raw(value) if value and name in SECRETS else value for name, value in each.items()
        )


def jsonl_text(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    for each in found:
        yield json.dumps(each, ensure_ascii=False) + "\n"


def _value(user: User, name: str) -> Any:
    if name == "password_hash":
        return user.password if user.has_usable_password() else None
    value = getattr(user, name)
    if name == "uuid":
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
