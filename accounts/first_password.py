"""The password that was generated for the first admin: the file that tells it where there is no terminal, and its end."""

import os
from pathlib import Path

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User


def write(password: str) -> Path:
    """Put it into a new file that only its owner can read; in place of one that is there."""
    path: Path = settings.FIRST_PASSWORD_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{password}\n")
    return path


def holders() -> QuerySet[User]:
    """The active accounts that still have it: one at most, as a rule."""
    operators = Q(is_staff=True) | Q(is_superuser=True)  # in the terms of an index
    return User.objects.filter(operators, password_generated=True, is_active=True)


def forget_if_stale() -> None:
    """Delete the file once nobody has the password in it: another node may have stored another one."""
    path: Path = settings.FIRST_PASSWORD_FILE
    if path.exists() and not holders().exists():
        path.unlink(missing_ok=True)
