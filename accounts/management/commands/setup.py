import secrets
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, connection, transaction

from accounts import first_password, keyring
from accounts.audit import seal_digests
from accounts.db import app_role
from accounts.errors import UnusableKeyring, UnusableSealKey
from accounts.models import User


class Command(BaseCommand):
    help = (
        "Make what is missing: tables, signing keys, and a first admin, whose password is printed"
        " or written to a file. Safe to run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if app_role.owns_the_tables():
            call_command("migrate", verbosity=0, interactive=False)
            self.make_key_of_seals()
            self.grant()
        elif app_role.pending():
            raise CommandError(
                "Tables have to be made or changed: run manage.py setup as the role that owns them,"
                " then start again."
            )
        try:
            keyring.reload()
        except UnusableKeyring as error:
            raise CommandError(f"{error}.") from error
        name = self.free_name()  # looked for first: of two that start at once, both find the same
        if not User.objects.filter(is_superuser=True).exists():
            self.make_first_admin(name)
        first_password.forget_if_stale()

    def make_key_of_seals(self) -> None:
        """Make the key of the seals as the owner of the tables: the web role may not."""
        try:
            seal_digests.key()
        except UnusableSealKey as error:
            raise CommandError(f"{error}.") from error

    def grant(self) -> None:
        """Grant the web role its rights, where another role owns the tables."""
        role = settings.DATABASE_APP_ROLE
        if not role or connection.vendor != "postgresql":
            return
        if settings.DATABASE_APP_PASSWORD:
            app_role.make(role, settings.DATABASE_APP_PASSWORD)
        elif not app_role.exists(role):
            raise CommandError(
                f"There is no role {role}: make it with CREATE ROLE,"
                " or set DATABASE_APP_PASSWORD to have it made."
            )
        try:
            app_role.grant(role)
        except app_role.TooPowerful as error:
            raise CommandError(
                f"DATABASE_APP_ROLE names {role}, which owns the tables or is a superuser:"
                " name another role."
            ) from error

    def free_name(self) -> str:
        """Return the first of admin, admin2, admin3, … that no account has."""
        taken = set(
            User.objects.filter(username__startswith="admin").values_list("username", flat=True)
        )
        names = ("admin", *(f"admin{n}" for n in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def make_first_admin(self, name: str) -> None:
        """Print the password on a terminal, else write a file: others read logs and keep them."""
        password = secrets.token_urlsafe(15)
        # Of two that start at once, one is first.
        with suppress(IntegrityError), transaction.atomic():
            User.objects.create_superuser(name, password, password_generated=True)
            if self.stdout.isatty():
                where = f"password {password} (shown only now)"
            else:
                where = f"password in {first_password.write(password)} (until it is changed)"
            self.stdout.write(
                f"First admin: user name {name}, {where}\nSign in at {settings.PUBLIC_URL}/admin/"
            )
