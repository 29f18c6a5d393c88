from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.privacy import retention


class Command(BaseCommand):
    help = (
        "Delete sessions, tokens, password resets, mails and signing keys that ended long ago."
        " To be run daily; safe beside a running service."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep-days",
            type=int,
            default=30,
            help="keep for this many days what has ended, for operators to look at (30)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["keep_days"] < 0:
            raise CommandError("--keep-days must be 0 or more.")

        def progress(batches: Iterator[int]) -> Iterator[int]:
            unit = f" x {retention.ROWS_PER_TRANSACTION} rows"
            return iter(tqdm(batches, unit=unit, leave=False, disable=None))

        for label, count in retention.prune(timedelta(days=options["keep_days"]), progress).items():
            self.stdout.write(f"{label}: {count}")
