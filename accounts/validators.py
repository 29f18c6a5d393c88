"""Validators for the length of passwords and for AWS regions."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext as _

# Regions get into examples that are pasted into shells: no special character may come in.
REGION = r"\A[a-z]{2}(-[a-z]+)+-[0-9]\Z"
validate_region = RegexValidator(REGION, "A region is written like eu-north-1.")


class MaximumLengthValidator:
    """Limits the length of a password, so that none costs much more to hash than another."""

    longest = 1024

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > self.longest:
            raise ValidationError(
                _("This password is too long. It must contain at most %(longest)d characters.")
                % {"longest": self.longest}
            )

    def get_help_text(self) -> str:
        return _("Your password must contain at most %(longest)d characters.") % {
            "longest": self.longest
        }
