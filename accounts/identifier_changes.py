"""Changes of the identifiers of a user: the user name and the e-mail address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from accounts.errors import ChangedMeanwhile, IdentifierTaken
from accounts.mail import outbox
from accounts.models import PasswordReset, User

Changes = dict[str, tuple[str, str]]  # field → value before and after


def fingerprint(user: User) -> str:
    """Return the identifiers as an operator sees them, to be compared when a change arrives."""
    return f"{user.username} {user.email or ''}"


def change(user: User, username: str, email: str, *, shown: str = "") -> Changes:
    """Give a user, whom the caller has locked, another user name or address; return the changes.

    Password resets become void, and the old and the new address get a notice. Raises
    ``IdentifierTaken`` where another user has one of them; ``ChangedMeanwhile`` if the identifiers
    are not as ``shown``; ``ValidationError``, by the name of the field, for invalid values.
    """
    if shown and shown != fingerprint(user):
        raise ChangedMeanwhile
    wanted = {
        "username": _cleaned(user, "username", username),
        "email": _cleaned(user, "email", email),
    }
    before = {name: getattr(user, name) for name in wanted if getattr(user, name) != wanted[name]}
    if not before:
        return {}
    _store(user, {name: wanted[name] for name in before})
    PasswordReset.objects.filter(user=user).void()
    changes = {name: (value or "", wanted[name] or "") for name, value in before.items()}
    notify(user, changes)
    return changes


def _cleaned(user: User, name: str, value: str) -> str | None:
    """Return a value by the rules of its column; the present value is valid in any case."""
    column: Any = User._meta.get_field(name)
    wanted: str | None = column.to_python(value)
    if wanted == getattr(user, name):
        return wanted
    try:
        column.clean(value, user)
    except ValidationError as error:
        raise ValidationError({name: error}) from error
    return wanted


def _store(user: User, values: dict[str, str | None]) -> None:
    """Store the values; the unique columns decide which of two users is first."""
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(**values, updated_at=now())
    except IntegrityError as error:
        others = User.objects.exclude(pk=user.pk)
        taken = next(
            (
                name
                for name, value in values.items()
                if value and others.filter(**{name: value}).exists()
            ),
            "username",
        )
        raise IdentifierTaken(taken) from error
    user.refresh_from_db(fields=[*values])


def notify(user: User, changes: Changes) -> None:
    """Mail a notice to the present address and, where it was replaced, to the one before."""
    old, new = changes.get("email", (user.email or "",) * 2)
    if settings.EMAILS_ENABLED:
        for address in sorted({old, new} - {""}):
            outbox.put(
                outbox.Template.IDENTIFIERS_CHANGED,
                user=user,
                to=address,
                replaced=address != new,
                changes=changes,
            )
