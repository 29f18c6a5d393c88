"""Files of users, read row by row in bounded memory; a fault is that of one row."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from accounts.transfer.columns import COLUMNS, SECRETS
from accounts.transfer.csv_writer import unprotected

MAX_LINE_LENGTH = 64 * 1024  # bytes; the longest user is far shorter
BOM, UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
FileFormat = Literal["csv", "jsonl"]


class UnreadableFile(ValueError):
    """A file that cannot be read at all; the text is a sentence for its user."""


@dataclass(frozen=True)
class FileRow:
    """The values of one row by column, or its fault."""

    line: int
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    fault: str = ""


def format_of(name: str) -> FileFormat:
    """Return the format that a file's name ends in; raise ``UnreadableFile`` for any other."""
    ending = name.rpartition(".")[2].lower()
    if ending == "csv":
        return "csv"
    if ending in ("jsonl", "ndjson"):
        return "jsonl"
    raise UnreadableFile(
        "The name of the file has to end in .csv or .jsonl, or its format has to be given."
    )


def read_rows(stream: BinaryIO, file_format: FileFormat) -> Iterator[FileRow]:
    """Yield the rows of a file; raise ``UnreadableFile`` before the first if none can be read."""
    lines = _Lines(stream)
    return _csv_rows(lines) if file_format == "csv" else _json_rows(lines)


class _Lines:
    """Lines of text, as far as they can be read. ``take_fault`` returns what is wrong with them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.number, self.fault = stream, 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self.stream.readline(MAX_LINE_LENGTH + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            raw = _without_bom(raw)
        if len(raw) > MAX_LINE_LENGTH:
            while raw and not raw.endswith(b"\n"):
                raw = self.stream.readline(MAX_LINE_LENGTH)
            self.fault = f"line {self.number} is longer than {MAX_LINE_LENGTH // 1024} KiB"
            return "\n"
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.fault = f"line {self.number} is not UTF-8, at its byte {error.start + 1}"
            return raw.decode(errors="replace")

    def take_fault(self) -> str:
        fault, self.fault = self.fault, ""
        return fault


def _without_bom(raw: bytes) -> bytes:
    if raw.startswith(UTF16) or b"\0" in raw:
        raise UnreadableFile(
            "The file is not UTF-8 but UTF-16, or no text at all. Save it as UTF-8 and try again."
        )
    return raw.removeprefix(BOM)


# CSV


def _csv_rows(lines: _Lines) -> Iterator[FileRow]:
    first = next((line for line in lines if line.strip() or lines.fault), None)
    if first is None:
        raise UnreadableFile("The file is empty.")
    delimiter = max(",;\t", key=first.count)
    header = _header(first, delimiter, lines.take_fault())
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begins = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield FileRow(begins, fault=_csv_fault(str(error), begins, lines.number))
            continue
        if fault := lines.take_fault():
            yield FileRow(begins, fault=fault)
        elif cells:
            yield _csv_row(begins, header, cells)


def _csv_row(line: int, header: list[str], cells: list[str]) -> FileRow:
    if len(cells) != len(header):
        fault = f"{len(cells)} fields, where the first line names {len(header)} columns"
        return FileRow(line, fault=fault)
    values = {
        name: cell if name in SECRETS else unprotected(cell)
        for name, cell in zip(header, cells, strict=True)
    }
    return FileRow(line, values)


def _header(line: str, delimiter: str, fault: str) -> list[str]:
    try:
        header = [
            name.strip().lower()
            for name in next(csv.reader([line], delimiter=delimiter, strict=True))
        ]
    except csv.Error:
        header = []
    # The line is not repeated: it may be a row with a user's password.
    if fault or "username" not in header:
        detail = f" ({fault})" if fault else ""
        raise UnreadableFile(
            f"The first line has to name the columns, and username among them{detail}. "
            f"Known are {', '.join(COLUMNS)}."
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UnreadableFile(f"The first line names {_listed(twice)} twice.")
    _check_known(header)
    return header


def _check_known(names: Iterable[str]) -> None:
    if unknown := sorted(set(names) - set(COLUMNS)):
        raise UnreadableFile(
            f"There is no column {_listed(unknown)}. Known are {', '.join(COLUMNS)}."
        )


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:10])


def _csv_fault(error: str, begins: int, ends: int) -> str:
    where = f"; lines {begins} to {ends} are left out" if ends > begins else ""
    if "end of data" in error or "field limit" in error:
        return f"a quotation mark is opened and not closed{where}"
    if "expected after" in error:
        return f"a quotation mark in the middle of a field: it has to be doubled{where}"
    return f"a carriage return in the middle of a line{where}"


# JSON, an object in each line


def _json_rows(lines: _Lines) -> Iterator[FileRow]:
    empty = True
    for line in lines:
        if fault := lines.take_fault():
            yield FileRow(lines.number, fault=fault)
        elif line.strip():
            if empty and line.lstrip().startswith("["):
                raise UnreadableFile(
                    "The file is one JSON array. Put each account into a line of its own, "
                    "without commas between (JSONL)."
                )
            yield _json_row(line, lines.number)
        else:
            continue
        empty = False
    if empty:
        raise UnreadableFile("The file is empty.")


def _json_row(line: str, number: int) -> FileRow:
    try:
        values = json.loads(line, object_pairs_hook=_object)
        if not isinstance(values, dict):
            return FileRow(number, fault="not a JSON object")
        _check_known(values)
    except UnreadableFile as error:
        return FileRow(number, fault=str(error))
    except (ValueError, RecursionError):
        return FileRow(number, fault="not JSON")
    return FileRow(number, values)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableFile(f"{_listed(twice)} stands there twice.")
    return dict(pairs)
