"""How user names and e-mail addresses are written, so that one account has one name."""

import unicodedata

from django.core.exceptions import ValidationError
from django.db import models


def normalise(identifier: str) -> str:
    """One spelling for all that people type for the same account: NFKC, lower case, no space around it.

    Look-alikes stay apart: a Cyrillic or dotless letter is not its Latin neighbour (Unicode TR 36).
    """
    folded = unicodedata.normalize("NFKC", identifier).lower()
    return unicodedata.normalize("NFKC", folded).strip()


def is_address(identifier: str) -> bool:
    """Whether a normalised identifier is an e-mail address: user names hold no ``@``."""
    return "@" in identifier


KEPT = "reserved"  # code of the refusal of a new name that is fine for those who have it
STAND_IN = "erased-"  # how the name begins that stands in for an erased person's
RESERVED = {
    STAND_IN: "an erased user"
}  # beginnings of names that other things in the audit log have


def reserve(beginning: str, named: str) -> None:
    """Refuse new user names that begin like ``named``, something else that the audit log names."""
    RESERVED[beginning] = named


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
        raise ValidationError(objection, code=KEPT)


def objection_to_new(username: str) -> str:
    """A sentence on why no new account gets this name; empty if it may. Accounts that have such a name keep it."""
    found = (each for each in RESERVED.items() if normalise(username).startswith(each[0]))
    return next(
        (
            f"A user name does not begin with {start}: in the audit log it would be taken for {named}."
            for start, named in found
        ),
        "",
    )


def identifier_column(normalised: str) -> str:
    """Return the column of users that holds a normalised identifier."""
    return "email" if is_address(normalised) else "username"


class IdentifierField(models.CharField):  # type: ignore[type-arg]
    """Text that is stored, and looked up, in its one normalised spelling."""

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
