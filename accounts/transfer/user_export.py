"""Export of users for another system or for a spreadsheet, a page at a time."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.models import User
from accounts.transfer.columns import COLUMNS, SECRETS
from accounts.transfer.csv_writer import Raw, csv_lines
from accounts.transfer.file_reader import FileFormat
from accounts.transfer.jsonl_writer import jsonl_line

PAGE_SIZE = 1000  # users of one query
PUBLIC_COLUMNS = tuple(column for column in COLUMNS if column not in SECRETS)


def export(
    users: QuerySet[User],
    file_format: FileFormat,
    *,
    what: str,
    actor: User | None = None,
    reason: str = "",
    hashes: bool = False,
) -> Iterator[str]:
    """Record the export and return the text of its file, in pieces.

    ``what`` describes the users in the audit log. ``hashes`` is for moving to another system.
    """
    data = {"what": what, "format": file_format, **({"hashes": True} if hashes else {})}
    audit_log.record(
        audit_log.Kind.EXPORTED, actor=actor, reason=Reason.EXPORT, data=data, note=reason
    )
    columns = (*PUBLIC_COLUMNS, "password_hash") if hashes else PUBLIC_COLUMNS
    found = dicts(users, columns)
    return csv_text(columns, found) if file_format == "csv" else jsonl_text(found)


def dicts(
    users: QuerySet[User], columns: Iterable[str] = PUBLIC_COLUMNS
) -> Iterator[dict[str, Any]]:
    """Yield the users, oldest first, as dictionaries by column; erased ones are left out."""
    last, columns = 0, tuple(columns)
    ordered = users.filter(erased_at=None).order_by("pk")
    while page := list(ordered.filter(pk__gt=last)[:PAGE_SIZE]):
        yield from (as_dict(user, columns) for user in page)
        last = page[-1].pk


def as_dict(user: User, columns: Iterable[str] = PUBLIC_COLUMNS) -> dict[str, Any]:
    return {name: _value(user, name) for name in columns}


def csv_text(columns: Iterable[str], found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a header and lines; password hashes stay as they are, for the import."""
    return csv_lines(
        columns,
        (
            [Raw(value) if value and name in SECRETS else value for name, value in each.items()]
            for each in found
        ),
    )


def jsonl_text(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    return map(jsonl_line, found)


def _value(user: User, name: str) -> Any:
    if name == "password_hash":
        return user.password if user.has_usable_password() else None
    value = getattr(user, name)
    if name == "uuid":
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
