import secrets
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts import keyring
from accounts.errors import UnusableKeyring
from accounts.models import User


class Command(BaseCommand):
    help = "Make what is missing: tables, signing keys, and a first admin, whose password is printed this once. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        try:
            keyring.reload()
        except UnusableKeyring as error:
            raise CommandError(f"{error.reason}.") from error
        if not User.objects.filter(is_superuser=True).exists():
            self.make_first_admin()

    def make_first_admin(self) -> None:
        password = secrets.token_urlsafe(15)
        taken = set(User.objects.filter(username__startswith="admin").values_list("username", flat=True))
        name = next(name for name in ("admin", *(f"admin{n}" for n in range(2, len(taken) + 3))) if name not in taken)
        User.objects.create_superuser(name, password)
        self.stdout.write(f"First admin: user name {name}, password {password} (shown only now)\nSign in at {settings.PUBLIC_URL}/admin/")
