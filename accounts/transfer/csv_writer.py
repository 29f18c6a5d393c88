"""CSV whose cells no spreadsheet runs as formulas. Every CSV file of the service is written here.

A spreadsheet runs a cell that begins like a formula (OWASP, CSV Injection). One that splits lines
at ``;`` or tabs sees quotation marks in the middle of a cell as text, and begins a cell after each
of these and after each line break: there the rest of a value is protected like a value of its own.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

# The apostrophe protects and is itself protected, so that there is one way back.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")  # noqa: RUF001
_BREAKS = ";\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029"
_BEGINS = rf"(?:\A|(?<=[{_BREAKS}]))"
_FORMULA = rf"(?=[ \u00a0\"]*[{re.escape(''.join(FORMULAS))}])"
_unsafe = re.compile(_BEGINS + _FORMULA)
_protection = re.compile(f"{_BEGINS}'{_FORMULA}")


def protected(value: str) -> str:
    """Return ``value`` with an apostrophe before each part that may be run as a formula."""
    return _unsafe.sub("'", value)


def unprotected(value: str) -> str:
    """Return the value that ``protected`` was given."""
    return _protection.sub("", value)


class Raw(str):
    """A cell that is written as it is, such as a password hash, which no spreadsheet runs."""

    __slots__ = ()


def csv_line(cells: Iterable[Any]) -> str:
    """Return one line as in RFC 4180; None is empty, booleans are ``true`` and ``false``."""
    out = StringIO()
    csv.writer(out).writerow(map(_cell, cells))
    return out.getvalue()


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """Yield a line with the names of the columns, and a line for each row."""
    yield csv_line(columns)
    for row in rows:
        yield csv_line(row)


def _cell(value: Any) -> str:
    if value is None or isinstance(value, Raw):
        return value or ""
    return str(value).lower() if isinstance(value, bool) else protected(str(value))
