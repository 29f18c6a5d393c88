from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import keyring


class Command(BaseCommand):
    help = (
        "Let the next signing key sign from now on. Tokens of the previous one are valid until they"
        " expire, unless it is retired."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--retire",
            metavar="KID",
            help=(
                "instead, delete this previous key:"
                " tokens that it signed are refused within a minute"
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if kid := options["retire"]:
            if not keyring.retire(kid):
                raise CommandError(
                    f"{kid} is not a previous signing key;"
                    " the one that signs now has to be rotated first."
                )
            self.stdout.write(f"{kid} is retired.")
        else:
            self.stdout.write(f"{keyring.rotate().kid} signs from now on.")
