"""The generated password of the first admin, in a file where there is no terminal."""

import os
from pathlib import Path

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User


def write(password: str) -> Path:
    """Write a file that only its owner can read, in the place of an earlier one."""
    path: Path = settings.FIRST_PASSWORD_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{password}\n")
    return path


def holders() -> QuerySet[User]:
    """Return the active operators who still have the generated password: mostly one or none."""
    operators = Q(is_staff=True) | Q(is_superuser=True)  # in the terms of an index
    return User.objects.filter(operators, password_generated=True, is_active=True)


def forget_if_stale() -> None:
    """Delete the file once no user has the password: another node may have stored another."""
    path: Path = settings.FIRST_PASSWORD_FILE
    if path.exists() and not holders().exists():
        path.unlink(missing_ok=True)
