import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.privacy import user_data
from accounts.transfer.private_files import private


class Command(BaseCommand):
    help = (
        "Write all data about one user as JSON, for them: profile, sessions, mails, audit events "
        "and what other apps hold. It has no secrets."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identifier", help="a user name or an e-mail address")
        parser.add_argument("file", nargs="?", help="standard output if it is left out")
        parser.add_argument("--reason", default="", help="for the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.find(options["identifier"])
        if user is None or user.erased_at:
            raise CommandError("There is no account of this user name or e-mail address.")
        data = user_data.export(user, reason=options["reason"])
        written = json.dumps(data, indent=2, ensure_ascii=False)
        if options["file"] is None:
            self.stdout.write(written)
            return
        try:
            with private(options["file"]) as file:
                file.write(written + "\n")
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}.") from error
