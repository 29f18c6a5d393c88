"""Uploaded files of users: read within limits, imported or tried out, and reported row by row."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from accounts.models import PendingImport
from accounts.transfer import file_reader
from accounts.transfer.csv_writer import csv_lines
from accounts.transfer.import_plan import ONLY_CASE, REPORT_COLUMNS, RowStatus
from accounts.transfer.user_import import ImportOptions, import_rows

MAX_FILE_SIZE = 5 * 2**20  # bytes
MAX_ROWS = 10_000
MAX_PLAIN_PASSWORDS = 500  # hashing each takes some 20 ms, and the browser waits
MAX_SHOWN_ROWS = 20
MAX_SHOWN_REFUSED_ROWS = 200
MAX_FILE_NAME_LENGTH = 100  # characters
COMMAND = "On the machine, manage.py import_users takes files of any size."


def run(
    pending: PendingImport, content: bytes, *, dry_run: bool, reason: str = ""
) -> list[dict[str, Any]]:
    """Import the rows of a file, or try that; return the status of each."""
    options = ImportOptions(
        dry_run=dry_run,
        accept_weak=pending.options["accept_weak"],
        roles=pending.options["roles"],
        hashes=pending.options.get("hashes", False),
        reason=reason,
    )
    batches = import_rows(
        limited(rows_of(pending, content)),
        options,
        source=pending.filename,
        actor=pending.operator,
    )
    return [result.as_dict() for batch in batches for result in batch]


def rows_of(pending: PendingImport, content: bytes) -> Iterator[file_reader.FileRow]:
    return file_reader.read_rows(io.BytesIO(content), file_reader.format_of(pending.filename))


def limited(found: Iterable[file_reader.FileRow]) -> Iterator[file_reader.FileRow]:
    """Yield as many rows as a browser should wait for; raise `UnreadableFile` for more."""
    passwords = 0
    for number, row in enumerate(found, 1):
        passwords += bool(row.values.get("password"))
        if number > MAX_ROWS:
            raise file_reader.UnreadableFile(
                f"This file has more than {MAX_ROWS:,} users. {COMMAND}"
            )
        if passwords > MAX_PLAIN_PASSWORDS:
            raise file_reader.UnreadableFile(
                f"This file has more than {MAX_PLAIN_PASSWORDS} plain passwords, "
                f"which take long to hash. {COMMAND}"
            )
        yield row


def as_csv(lines: list[dict[str, Any]]) -> str:
    return "".join(csv_lines(REPORT_COLUMNS, (line.values() for line in lines)))


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts and the first rows of a report."""
    refused = [line for line in lines if line["verdict"] == RowStatus.REFUSED]
    counted = Counter(line["verdict"] for line in lines)
    return {
        "counted": [
            (status.value, counted[status])
            for status in RowStatus
            if counted[status] or status == RowStatus.IMPORTED
        ],
        "wanted": counted[RowStatus.IMPORTED],
        "first": lines[:MAX_SHOWN_ROWS],
        "more": max(0, len(lines) - MAX_SHOWN_ROWS),
        "refused": refused[:MAX_SHOWN_REFUSED_ROWS],
        "more_refused": max(0, len(refused) - MAX_SHOWN_REFUSED_ROWS),
        "colliding": sum(ONLY_CASE in line["reason"] for line in refused),
    }
