from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, transaction
from tqdm import tqdm

from accounts.audit import audit_log, verification
from accounts.errors import UnusableSealKey
from accounts.models import AuditSeal


class Command(BaseCommand):
    help = "Say the first event of the audit log that was changed, removed or put in since it was sealed; exit status 1 if there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seal",
            default="",
            metavar="NUMBER:DIGEST",
            help="a seal that this printed earlier: it has to be there still",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(seals: verification.Seals) -> verification.Seals:
            bar: verification.Seals = tqdm(
                seals, total=AuditSeal.objects.count(), unit=" seals", leave=False, disable=None
            )
            return bar

        try:
            verdict = verification.verify(progress, noted=options["seal"])
        except (verification.Tampered, UnusableSealKey) as refusal:
            self.record(str(refusal))
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(self.told(verdict))

    def record(self, found: str) -> None:
        """Add an event, which the first page of the admin tells of for a day."""
        try:
            with transaction.atomic():
                audit_log.record(audit_log.Kind.LOG_CHANGED, note=found)
        except Error as error:
            self.stderr.write(f"The audit log takes no event of it ({type(error).__name__}).")

    def told(self, verdict: verification.Verdict) -> str:
        told = "Nothing is sealed yet."
        if verdict.last:
            told = (
                f"Sealed up to event {verdict.last.up_to}, at {verdict.last.sealed_at:%Y-%m-%d %H:%M:%S} UTC: {verdict.events} events,"
                f" all as they were written. Seal {verification.name(verdict.last)}"
            )
            if verdict.first:
                told += f"\nEvents up to {verdict.first} were deleted by AUDIT_RETENTION."
        if verdict.unsealed_since:
            told += f"\nNot sealed yet: {verdict.unsealed}, from {verdict.unsealed_since:%Y-%m-%d %H:%M:%S} UTC on."
        return told
