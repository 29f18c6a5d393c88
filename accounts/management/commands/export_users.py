import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.models import User
from accounts.transfer.file_reader import UnreadableFile, format_of
from accounts.transfer.private_files import private
from accounts.transfer.user_export import export


class Command(BaseCommand):
    help = (
        "Export all users as CSV or JSONL, without passwords, to standard output or a file that"
        " only its owner may read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", nargs="?", default="-", help="standard output if it is left out"
        )
        parser.add_argument(
            "--format",
            choices=["csv", "jsonl"],
            help="csv by default; else as the name of the file ends",
        )
        parser.add_argument(
            "--with-hashes",
            action="store_true",
            help="with password hashes, to move to another system: guard that file well",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"]
        try:
            file_format = options["format"] or ("csv" if name == "-" else format_of(name))
        except UnreadableFile as error:
            raise CommandError(str(error)) from error
        if options["with_hashes"]:
            self.stderr.write(
                "This file holds all password hashes: whoever gets it can guess at the passwords."
                " Delete it once it has been used."
            )
        pieces = export(
            User.objects.all(),
            file_format,
            what="all accounts, on the machine",
            hashes=options["with_hashes"],
        )
        try:
            self.write(pieces, name)
        except BrokenPipeError:  # the reader, such as head, has ended
            sys.stderr.close()
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}.") from error

    def write(self, pieces: Iterator[str], name: str) -> None:
        if name == "-":
            self.stdout.ending = ""
            for piece in pieces:
                self.stdout.write(piece)
            return
        with private(name) as file:
            for piece in tqdm(pieces, unit=" lines", disable=None):
                file.write(piece)
