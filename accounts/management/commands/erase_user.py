from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.audit import reason_messages
from accounts.errors import NotPermitted
from accounts.models import User
from accounts.privacy import erasure

WARNING = """\
{name} will be erased, for good:
- sessions, keys, mails and resets are deleted; whoever is signed in as {name} is out at once;
- the account is emptied, and its name and address are free for anybody;
- what is in the audit log stays, without the name, the addresses and what operators wrote.
Backups and files exported earlier keep what they hold."""


class Command(BaseCommand):
    help = "Erase one person: everything about them goes, and what happened stays told of a stand-in. This cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="a user name or an e-mail address")
        parser.add_argument(
            "--reason",
            required=True,
            help="for the audit log: why, in words that do not name the person",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.find(options["name"])
        if person is None or person.erased_at:
            raise CommandError("There is no account of this name or address.")
        if not options["reason"].strip():
            raise CommandError("Say why with --reason: it is kept in the audit log.")
        if not options["yes"] and not self.confirmed(person):
            raise CommandError("Nothing was erased.")
        try:
            stand_in = erasure.erase(person, reason=options["reason"])
        except NotPermitted as refusal:
            raise CommandError(
                f"Nothing was erased: {reason_messages.text(refusal.reason, refusal.data)}."
            ) from refusal
        self.stdout.write(f"Erased. In the audit log this person is called {stand_in}.")

    def confirmed(self, person: User) -> bool:
        self.stdout.write(WARNING.format(name=person.username))
        try:
            return bool(input("Type the user name to go on: ").strip() == person.username)
        except EOFError:
            return False
