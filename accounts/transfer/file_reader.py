"""Files of accounts, read row by row in bounded memory. Whatever is wrong with them is said in words, of the row that it is about."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from accounts.transfer.csv_writer import unprotected

LONGEST = 64 * 1024  # bytes of a line: what an account can hold is far shorter
BOM, UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
PROFILE = ("username", "email", "name", "organization", "aws_region", "language")
FLAGS = ("is_active", "must_change_password")
DATES = ("created_at", "last_login")
SECRETS = ("password", "password_hash")
COLUMNS = ("uuid", *PROFILE, "role", *FLAGS, *DATES, *SECRETS)
Format = Literal["csv", "jsonl"]


class UnreadableFile(ValueError):
    """The whole file is no use; the text says why, in a sentence for whoever chose it."""


@dataclass(frozen=True)
class Row:
    """What stands in one row, by the names of columns; or else what is wrong with it."""

    line: int
    values: dict[str, Any] = field(default_factory=dict, repr=False)
    fault: str = ""


def format_of(name: str) -> Format:
    """The format that a file's name promises."""
    ending = name.rpartition(".")[2].lower()
    if ending == "csv":
        return "csv"
    if ending in ("jsonl", "ndjson"):
        return "jsonl"
    raise UnreadableFile(
        "The name of the file has to end in .csv or .jsonl, or its format has to be given."
    )


def rows(stream: BinaryIO, form: Format) -> Iterator[Row]:
    """Every row of a file; ``UnreadableFile`` with the first of them if there is no making sense of any."""
    lines = _Lines(stream)
    return _csv_rows(lines) if form == "csv" else _json_rows(lines)


class _Lines:
    """Lines of text. What is wrong with one is noted in ``fault`` until it is taken from there, and what could be read is given."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.number, self.fault = stream, 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self.stream.readline(LONGEST + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            raw = _without_bom(raw)
        if len(raw) > LONGEST:
            while raw and not raw.endswith(b"\n"):
                raw = self.stream.readline(LONGEST)
            self.fault = f"line {self.number} is longer than {LONGEST // 1024} KiB"
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


def _csv_rows(lines: _Lines) -> Iterator[Row]:
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
            yield Row(begins, fault=_csv_fault(str(error), begins, lines.number))
            continue
        fault = lines.take_fault()
        if fault:
            yield Row(begins, fault=fault)
        elif len(cells) == len(header):
            yield Row(
                begins,
                {
                    name: cell if name in SECRETS else unprotected(cell)
                    for name, cell in zip(header, cells, strict=True)
                },
            )
        elif cells:
            yield Row(
                begins,
                fault=f"{len(cells)} fields, where the first line names {len(header)} columns",
            )


def _header(line: str, delimiter: str, fault: str) -> list[str]:
    try:
        header = [
            name.strip().lower()
            for name in next(csv.reader([line], delimiter=delimiter, strict=True))
        ]
    except csv.Error:
        header = []
    if (
        fault or "username" not in header
    ):  # which is not repeated: it may be a row with somebody's password
        said = f" ({fault})" if fault else ""
        raise UnreadableFile(
            f"The first line has to name the columns, and username among them{said}. Known are {', '.join(COLUMNS)}."
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


def _json_rows(lines: _Lines) -> Iterator[Row]:
    empty = True
    for line in lines:
        if fault := lines.take_fault():
            yield Row(lines.number, fault=fault)
        elif line.strip():
            if empty and line.lstrip().startswith("["):
                raise UnreadableFile(
                    "The file is one JSON array. Put each account into a line of its own, without commas between (JSONL)."
                )
            yield _json_row(line, lines.number)
        else:
            continue
        empty = False
    if empty:
        raise UnreadableFile("The file is empty.")


def _json_row(line: str, number: int) -> Row:
    try:
        values = json.loads(line, object_pairs_hook=_object)
        if not isinstance(values, dict):
            return Row(number, fault="not a JSON object")
        _check_known(values)
    except UnreadableFile as error:
        return Row(number, fault=str(error))
    except (ValueError, RecursionError):
        return Row(number, fault="not JSON")
    return Row(number, values)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableFile(f"{_listed(twice)} stands there twice.")
    return dict(pairs)
