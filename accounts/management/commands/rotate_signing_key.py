from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import keyring
from accounts.errors import NextKeyTooNew


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

        parser.add_argument(
            "--now",
            action="store_true",
            help="also if the next key was published less than an hour ago",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if kid := options["retire"]:
            if not keyring.retire(kid):
                raise CommandError(
                    f"{kid} is not a previous signing key;"
                    " the one that signs now has to be rotated first."
                )
            self.stdout.write(f"{kid} is retired.")
            return
        try:
            key = keyring.rotate(early=options["now"])
        except NextKeyTooNew as refusal:
            raise CommandError(
                "The next key was published less than an hour ago: programs that keep the key set"
                f" may refuse its tokens. Wait until {refusal.known_at:%H:%M} UTC, or rotate with"
                " --now, after a leak."
            ) from None
        self.stdout.write(f"{key.kid} signs from now on.")
