"""``python -m bench.seed COUNT``: migrate an application, and fill it with users.

DJANGO_SETTINGS_MODULE names the application.
"""

import sys

import django
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import get_hasher
from django.core.management import call_command

from bench.accounts import ENCODED, OPERATOR, email, username


def main(count: int) -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    if get_hasher().must_update(ENCODED):
        raise SystemExit(
            "This application would hash the bench's password anew at each login: "
            "the hashes differ."
        )
    User = get_user_model()
    users = (User(username=username(n), email=email(n), password=ENCODED) for n in range(count))
    User.objects.bulk_create(users, batch_size=1000)
    User(username=OPERATOR, password=ENCODED, is_staff=True, is_superuser=True).save()


if __name__ == "__main__":
    main(int(sys.argv[1]))
