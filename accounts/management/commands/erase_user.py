from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.audit import reason_messages
from accounts.errors import NotPermitted
from accounts.models import User
from accounts.privacy import erasure

WARNING = """\
{name} will be erased, for good:
- sessions, credentials, mails and password resets are deleted; {name} is signed out at once;
- the account is emptied, and its user name and e-mail address are free for others;
- the audit log keeps its events, without the name, the addresses and what operators wrote.
Backups and files exported earlier keep what they hold."""


class Command(BaseCommand):
    help = (
        "Erase a user: their data are deleted, and the audit log names a stand-in. "
        "This cannot be undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identifier", help="a user name or an e-mail address")
        parser.add_argument(
            "--reason",
            required=True,
            help="for the audit log, in words that do not name the user",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.find(options["identifier"])
        if user is None or user.erased_at:
            raise CommandError("There is no account of this user name or e-mail address.")
        if not options["reason"].strip():
            raise CommandError("Give a reason with --reason: the audit log keeps it.")
        if not options["yes"] and not self.confirmed(user):
            raise CommandError("Nothing was erased.")
        try:
            stand_in = erasure.erase(user, reason=options["reason"])
        except NotPermitted as refusal:
            raise CommandError(
                f"Nothing was erased: {reason_messages.text(refusal.reason, refusal.data)}."
            ) from refusal
        self.stdout.write(f"Erased. In the audit log this user is called {stand_in}.")

    def confirmed(self, user: User) -> bool:
        self.stdout.write(WARNING.format(name=user.username))
        try:
            return bool(input("Type the user name to go on: ").strip() == user.username)
        except EOFError:
            return False
