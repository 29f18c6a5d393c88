import os
import stat
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from tqdm import tqdm

from accounts.hashing.pool import PROCESSORS
from accounts.transfer import columns, file_reader
from accounts.transfer.csv_writer import csv_line
from accounts.transfer.import_plan import REPORT_COLUMNS, RowResult, RowStatus
from accounts.transfer.jsonl_writer import jsonl_line
from accounts.transfer.private_files import private
from accounts.transfer.user_import import ImportOptions, import_rows

MAX_SHOWN_REFUSALS = 20  # on the terminal; all of them are in the report
OPTIONS = ("dry_run", "update", "roles", "accept_weak", "reason")


class Command(BaseCommand):
    help = (
        "Import users from a CSV or JSONL file. Existing accounts are skipped, so that running an"
        " interrupted import again goes on with it. Rows are written 500 at a time: a batch is"
        " written as a whole or not at all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            help=(
                f"a file with the columns {', '.join(columns.COLUMNS)}, of which username is"
                " required; - for standard input"
            ),
        )
        parser.add_argument(
            "--format",
            choices=["csv", "jsonl"],
            help="where the name does not end in .csv or .jsonl",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="show the status of each row, and write nothing"
        )
        parser.add_argument(
            "--report",
            metavar="FILE",
            help="write the status of each row there, as .csv or .jsonl",
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="update name, e-mail, organization, region and language of existing accounts",
        )
        parser.add_argument("--roles", action="store_true", help="import admins and super admins")
        parser.add_argument("--reason", default="", help="for the audit log")
        parser.add_argument(
            "--accept-weak",
            action="store_true",
            help="import plain passwords that break the rules, to be changed at the first login",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = ImportOptions(**{name: options[name] for name in OPTIONS})
        with ExitStack() as stack:
            try:
                file, file_format = self.open(options["file"], options["format"], stack)
                report = self.reporter(options["report"], stack)
                rows = file_reader.read_rows(file, file_format)
                counted = self.run(file, rows, chosen, Path(options["file"]).name, report)
            except file_reader.UnreadableFile as error:
                raise CommandError(str(error)) from error
            except OSError as error:
                name = error.filename or options["file"]
                raise CommandError(f"{name}: {error.strerror}.") from error
            except Error as error:
                raise CommandError(
                    f"The database stopped the import ({type(error).__name__})."
                    " What was imported stays; run the same again to go on."
                ) from error
        self.sum_up(counted, chosen)

    def open(
        self, name: str, file_format: file_reader.FileFormat | None, stack: ExitStack
    ) -> tuple[BinaryIO, file_reader.FileFormat]:
        if name == "-":
            if file_format is None:
                raise CommandError("Say with --format whether standard input is csv or jsonl.")
            return sys.stdin.buffer, file_format
        return stack.enter_context(open(name, "rb")), file_format or file_reader.format_of(name)

    def reporter(self, name: str | None, stack: ExitStack) -> Callable[[RowResult], object]:
        if name is None:
            return lambda result: None
        file_format, file = file_reader.format_of(name), stack.enter_context(private(name))
        if file_format == "jsonl":
            return lambda result: file.write(jsonl_line(result.as_dict()))
        file.write(csv_line(REPORT_COLUMNS))
        return lambda result: file.write(csv_line(result.as_dict().values()))

    def run(
        self,
        file: BinaryIO,
        rows: Iterator[file_reader.FileRow],
        options: ImportOptions,
        source: str,
        report: Callable[[RowResult], object],
    ) -> Counter[RowStatus]:
        counted: Counter[RowStatus] = Counter()
        with progress_bar(file) as bar:
            for results in import_rows(announcing(rows, bar), options, source=source):
                for result in results:
                    counted[result.status] += 1
                    report(result)
                    if result.status == RowStatus.REFUSED:
                        self.show(result, counted[RowStatus.REFUSED])
                if bar.total:
                    bar.update(file.tell() - bar.n)
                bar.set_postfix({str(status): count for status, count in counted.items()})
        return counted

    def show(self, refused: RowResult, number: int) -> None:
        if number <= MAX_SHOWN_REFUSALS:
            name = refused.username or "(no name)"
            with tqdm.external_write_mode(file=sys.stderr):
                self.stderr.write(f"line {refused.line}: {name}: {refused.reason}")

    def sum_up(self, counted: Counter[RowStatus], options: ImportOptions) -> None:
        would = "would be " if options.dry_run else ""
        totals = (f"{counted[status]} {would}{status}" for status in RowStatus)
        self.stdout.write(", ".join(totals) + ".")
        if options.dry_run:
            self.stdout.write("Nothing was written.")
        if counted[RowStatus.REFUSED] > MAX_SHOWN_REFUSALS:
            self.stdout.write("Only the first refusals were shown; --report FILE has all.")


def progress_bar(file: BinaryIO) -> Any:
    """Return a bar over the bytes read, which shows on a terminal only."""
    return tqdm(
        total=size_of(file),
        unit="B",
        unit_scale=True,
        desc="importing",
        disable=None,
        file=sys.stderr,
    )


def announcing(rows: Iterator[file_reader.FileRow], bar: Any) -> Iterator[file_reader.FileRow]:
    """Yield the rows; the bar says that plain passwords are hashed, which takes long."""
    for row in rows:
        if row.values.get("password"):
            bar.set_description(
                f"importing, and hashing passwords on {PROCESSORS} cores", refresh=False
            )
        yield row


def size_of(file: BinaryIO) -> int | None:
    """Return the length of a file in bytes; None for a pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
