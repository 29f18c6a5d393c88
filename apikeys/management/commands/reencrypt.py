from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import keyring
from accounts.audit import seals
from accounts.errors import AuthError
from apikeys import providers


class Command(BaseCommand):
    help = "Encrypt what is stored encrypted anew, under the first of the encryption keys: all of it or nothing. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                keys, secrets, sealing = (
                    keyring.reencrypt(),
                    providers.reencrypt(),
                    seals.reencrypt(),
                )
        except AuthError as error:
            raise CommandError(f"Nothing was changed: {error}.") from None
        self.stdout.write(
            f"signing keys: {keys}\nprovider secrets: {secrets}\nkey of the audit log's seals: {sealing}"
        )
