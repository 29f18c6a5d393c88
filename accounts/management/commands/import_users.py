import json
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
from accounts.transfer import file_reader
from accounts.transfer.csv_writer import csv_line
from accounts.transfer.private_files import private
from accounts.transfer.user_import import Fate, Options, Verdict, import_rows

SHOWN = 20  # refusals on the terminal; all of them are in the report


class Command(BaseCommand):
    help = (
        "Take accounts in from a CSV or JSONL file. An account that is there already is left alone, so that a run that was interrupted"
        " is gone on with by running it again. Rows are written 500 at a time: a batch is there as a whole or not at all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file",
            help=f"a file with the columns {', '.join(file_reader.COLUMNS)}, of which username is needed; - for standard input",
        )
        parser.add_argument(
            "--format",
            choices=["csv", "jsonl"],
            help="where the name does not end in .csv or .jsonl",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say what would happen to each row, and write nothing",
        )
        parser.add_argument(
            "--report",
            metavar="FILE",
            help="write the verdict on each row there, as .csv or .jsonl",
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="where an account is there: take over name, e-mail, organization, region, language",
        )
        parser.add_argument(
            "--roles", action="store_true", help="take in admins and super admins as such"
        )
        parser.add_argument("--reason", default="", help="why, for the audit log")
        parser.add_argument(
            "--accept-weak",
            action="store_true",
            help="take in plain passwords that break the rules, to be changed at the first login",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options(
            **{
                name: options[name]
                for name in ("dry_run", "update", "roles", "accept_weak", "reason")
            }
        )
        with ExitStack() as stack:
            try:
                file, form = self.open(options["file"], options["format"], stack)
                note = self.reporter(options["report"], stack)
                counted = self.run(file, form, chosen, Path(options["file"]).name, note)
            except file_reader.UnreadableFile as error:
                raise CommandError(str(error)) from error
            except OSError as error:
                raise CommandError(
                    f"{error.filename or options['file']}: {error.strerror}."
                ) from error
            except Error as error:
                raise CommandError(
                    f"The database stopped the import ({type(error).__name__}). What was imported stays; run the same again to go on."
                ) from error
        self.sum_up(counted, chosen)

    def open(
        self, name: str, form: file_reader.Format | None, stack: ExitStack
    ) -> tuple[BinaryIO, file_reader.Format]:
        if name == "-":
            if form is None:
                raise CommandError("Say with --format whether standard input is csv or jsonl.")
            return sys.stdin.buffer, form
        return stack.enter_context(open(name, "rb")), form or file_reader.format_of(name)

    def reporter(self, name: str | None, stack: ExitStack) -> Callable[[Verdict], object]:
        if name is None:
            return lambda verdict: None
        form, file = file_reader.format_of(name), stack.enter_context(private(name))
        if form == "jsonl":
            return lambda verdict: file.write(
                json.dumps(verdict.as_dict(), ensure_ascii=False) + "\n"
            )
        file.write(csv_line(["line", "username", "verdict", "reason"]))
        return lambda verdict: file.write(csv_line(verdict.as_dict().values()))

    def run(
        self,
        file: BinaryIO,
        form: file_reader.Format,
        options: Options,
        source: str,
        note: Callable[[Verdict], object],
    ) -> Counter[Fate]:
        counted: Counter[Fate] = Counter()
        with progress(file) as bar:
            for verdicts in import_rows(
                noticing(file_reader.rows(file, form), bar), options, source=source
            ):
                for verdict in verdicts:
                    counted[verdict.verdict] += 1
                    note(verdict)
                    if verdict.verdict == Fate.REFUSED and counted[Fate.REFUSED] <= SHOWN:
                        with tqdm.external_write_mode(file=sys.stderr):
                            self.stderr.write(
                                f"line {verdict.line}: {verdict.username or '(no name)'}: {verdict.reason}"
                            )
                if bar.total:
                    bar.update(file.tell() - bar.n)
                bar.set_postfix({str(fate): count for fate, count in counted.items()})
        return counted

    def sum_up(self, counted: Counter[Fate], options: Options) -> None:
        would = "would be " if options.dry_run else ""
        self.stdout.write(", ".join(f"{counted[fate]} {would}{fate}" for fate in Fate) + ".")
        if options.dry_run:
            self.stdout.write("Nothing was written.")
        if counted[Fate.REFUSED] > SHOWN:
            self.stdout.write("Only the first refusals were shown; --report FILE keeps all.")


def progress(file: BinaryIO) -> Any:
    """A bar over the bytes read, on a terminal only."""
    return tqdm(
        total=size_of(file),
        unit="B",
        unit_scale=True,
        desc="importing",
        disable=None,
        file=sys.stderr,
    )


def noticing(rows: Iterator[file_reader.Row], bar: Any) -> Iterator[file_reader.Row]:
    """Says why it takes long: each plain password is hashed."""
    for row in rows:
        if row.values.get("password"):
            bar.set_description(
                f"importing, and hashing passwords on {PROCESSORS} cores", refresh=False
            )
        yield row


def size_of(file: BinaryIO) -> int | None:
    """How long a file is; a pipe does not know."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
