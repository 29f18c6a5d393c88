import getpass
import sys
from argparse import ArgumentParser
from typing import Any, TextIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from apikeys import providers
from apikeys.models import ProviderCredential


class Command(BaseCommand):
    help = (
        "Store a provider's credentials in place of the stored ones. "
        "The secret is read from standard input."
    )
    stealth_options = ("stdin",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        chosen = parser.add_subparsers(dest="provider", metavar="provider", required=True)
        aws = chosen.add_parser("aws", help="an access key of Amazon Web Services")
        aws.add_argument("--access-key-id", dest="key_id", required=True)
        aws.add_argument("--region", required=True, help="for accounts that have none of their own")
        chosen.add_parser("nvidia", help="an API key of NVIDIA")

    def handle(self, *args: Any, **options: Any) -> None:
        named = {
            field: options[field]
            for field in ("provider", "key_id", "region")
            if options.get(field)
        }
        credential = ProviderCredential(**named)
        try:
            providers.store(credential, secret_from(options.get("stdin") or sys.stdin))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{credential} are stored.")


def secret_from(stdin: TextIO) -> str:
    """Return one line, typed without echo or piped, without the newline at its end."""
    secret = (
        getpass.getpass("Secret: ")
        if stdin.isatty()
        else stdin.read().removesuffix("\n").removesuffix("\r")
    )
    if not secret:
        raise CommandError("The secret on standard input is empty.")
    return secret
