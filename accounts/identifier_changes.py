"""Changes of what an account is known by: its user name and its e-mail address."""

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


def fingerprint(person: User) -> str:
    """Return the identifiers as an operator is shown them, to be compared when their change arrives."""
    return f"{person.username} {person.email or ''}"


def change(person: User, username: str, email: str, *, shown: str = "") -> Changes:
    """Give an account, which the caller has locked, another user name or address, or both; what changed.

    Its resets are void, and its owner is told at the old and at the new address. ``IdentifierTaken``
    where another account has one of them; ``ChangedMeanwhile`` if it is not any more as ``shown``;
    ``ValidationError``, by the name of the field, for what is no user name or no address.
    """
    if shown and shown != fingerprint(person):
        raise ChangedMeanwhile
    wanted = {
        "username": _cleaned(person, "username", username),
        "email": _cleaned(person, "email", email),
    }
    before = {
        name: getattr(person, name) for name in wanted if getattr(person, name) != wanted[name]
    }
    if not before:
        return {}
    _store(person, {name: wanted[name] for name in before})
    PasswordReset.objects.filter(user=person).void()
    changes = {name: (value or "", wanted[name] or "") for name, value in before.items()}
    tell(person, changes)
    return changes


def _cleaned(person: User, name: str, value: str) -> str | None:
    """A value by the rules of its column; what the account has already stays, whatever the rules are by now."""
    column: Any = User._meta.get_field(name)
    wanted: str | None = column.to_python(value)
    if wanted == getattr(person, name):
        return wanted
    try:
        column.clean(value, person)
    except ValidationError as error:
        raise ValidationError({name: error}) from error
    return wanted


def _store(person: User, values: dict[str, str | None]) -> None:
    """The unique columns decide who is first."""
    try:
        with transaction.atomic():
            User.objects.filter(pk=person.pk).update(**values, updated_at=now())
    except IntegrityError as error:
        others = User.objects.exclude(pk=person.pk)
        taken = next(
            (
                name
                for name, value in values.items()
                if value and others.filter(**{name: value}).exists()
            ),
            "username",
        )
        raise IdentifierTaken(taken) from error
    person.refresh_from_db(fields=[*values])


def tell(person: User, changes: Changes) -> None:
    """Mail word of it to the present address and, where it was replaced, to the one before."""
    old, new = changes.get("email", (person.email or "",) * 2)
    if settings.EMAILS_ENABLED:
        for address in sorted({old, new} - {""}):
            outbox.put(
                outbox.Template.IDENTIFIERS_CHANGED,
                user=person,
                to=address,
                replaced=address != new,
                changes=changes,
            )
