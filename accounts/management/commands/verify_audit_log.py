from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, transaction
from tqdm import tqdm

from accounts.audit import audit_log, verification
from accounts.errors import UnusableSealKey
from accounts.models import AuditSeal


class Command(BaseCommand):
    help = (
        "Compare the audit log with its seals: print the first event that was changed, removed or"
        " put in since it was sealed; exit status 1 if there is one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seal",
            default="",
            metavar="NUMBER:DIGEST",
            help="a seal that this command printed earlier: it still has to be there",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(seals: verification.Seals) -> verification.Seals:
            bar: verification.Seals = tqdm(
                seals, total=AuditSeal.objects.count(), unit=" seals", leave=False, disable=None
            )
            return bar

        try:
            result = verification.verify(progress, noted=options["seal"])
        except (verification.Tampered, UnusableSealKey) as refusal:
            self.record(str(refusal))
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(self.report(result))

    def record(self, found: str) -> None:
        """Add an event, which the dashboard shows for a day."""
        try:
            with transaction.atomic():
                audit_log.record(audit_log.Kind.LOG_CHANGED, note=found)
        except Error as error:
            self.stderr.write(f"The audit log takes no event of it ({type(error).__name__}).")

    def report(self, result: verification.Verification) -> str:
        lines = []
        if last := result.last:
            lines.append(
                f"Sealed up to event {last.up_to}, at {last.sealed_at:%Y-%m-%d %H:%M:%S} UTC: "
                f"{result.events} events, all as they were written. Seal {verification.name(last)}"
            )
            if result.first:
                lines.append(f"Events up to {result.first} were deleted by AUDIT_RETENTION.")
        if since := result.unsealed_since:
            at = f"{since:%Y-%m-%d %H:%M:%S} UTC"
            lines.append(f"Not sealed yet: {result.unsealed}, from {at} on.")
        return "\n".join(lines if result.last else ["Nothing is sealed yet.", *lines])
