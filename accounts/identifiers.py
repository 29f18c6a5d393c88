"""Identifiers, that is user names and e-mail addresses, in one spelling for each account."""

import unicodedata
from typing import Protocol

from django.core.exceptions import ValidationError
from django.db import models


def normalise(identifier: str) -> str:
    """Return the one spelling of an identifier: NFKC, lower case, no space around it.

    Look-alikes stay apart: a Cyrillic or dotless letter is not its Latin neighbour (Unicode TR 36).
    """
    folded = unicodedata.normalize("NFKC", identifier).lower()
    return unicodedata.normalize("NFKC", folded).strip()


def is_address(identifier: str) -> bool:
    """Return whether a normalised identifier is an e-mail address: user names hold no ``@``."""
    return "@" in identifier


RESERVED_CODE = "reserved"  # of the error for a new name that existing users keep
STAND_IN_PREFIX = "erased-"  # of the names that stand in for those of erased users
RESERVED_PREFIXES = {STAND_IN_PREFIX: "an erased user"}


def reserve(prefix: str, thing: str) -> None:
    """Refuse new user names with a prefix that in the audit log would be taken for ``thing``."""
    RESERVED_PREFIXES[prefix] = thing


def validate_username(value: str) -> None:
    if is_address(value):
        raise ValidationError(
            "A user name holds no @: with one it would be an e-mail address.", code="at_sign"
        )
    if any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in value):
        raise ValidationError(
            "A user name holds no control or invisible characters.", code="control"
        )
    if objection := objection_to_new(value):
        raise ValidationError(objection, code=RESERVED_CODE)


def objection_to_new(username: str) -> str:
    """Return the sentence that refuses a new user this name, or an empty string."""
    for prefix, thing in RESERVED_PREFIXES.items():
        if normalise(username).startswith(prefix):
            return (
                f"A user name does not begin with {prefix}:"
                f" in the audit log it would be taken for {thing}."
            )
    return ""


def identifier_column(normalised: str) -> str:
    """Return the column of users that holds a normalised identifier."""
    return "email" if is_address(normalised) else "username"


class HasIdentifiers(Protocol):
    """A user, or a row of a query that has the same columns of theirs."""

    @property
    def username(self) -> str: ...
    @property
    def email(self) -> str | None: ...


def identifiers_of(user: HasIdentifiers) -> tuple[str, ...]:
    """Return every identifier of a user: the user name, and the address if there is one."""
    return tuple(filter(None, (user.username, user.email)))


class IdentifierField(models.CharField):  # type: ignore[type-arg]
    """A field whose values are stored and looked up in their normalised spelling."""

    def to_python(self, value: object) -> str | None:
        if value is None:
            return None
        return normalise(str(value)) or (None if self.null else "")

    def get_prep_value(self, value: object) -> str | None:
        return self.to_python(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        value = self.to_python(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, value)
        return value
