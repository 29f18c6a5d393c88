from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import keyring
from accounts.audit import seal_digests
from accounts.errors import AuthError
from apikeys import providers


class Command(BaseCommand):
    help = (
        "Encrypt all stored secrets anew under the first of the encryption keys, or none of them. "
        "Safe to run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                signing_keys, secrets = keyring.reencrypt(), providers.reencrypt()
                seal_keys = seal_digests.reencrypt()
        except AuthError as error:
            raise CommandError(f"Nothing was changed: {error}.") from None
        self.stdout.write(
            f"signing keys: {signing_keys}\nprovider secrets: {secrets}\n"
            f"key of the audit log's seals: {seal_keys}"
        )
