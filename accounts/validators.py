"""Rules for new passwords that Django does not bring."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class MaximumLengthValidator:
    """No more characters than anybody types, so that no password costs more to hash than any other."""

    longest = 1024

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > self.longest:
            raise ValidationError(
                _("This password is too long. It must contain at most %(longest)d characters.") % {"longest": self.longest}
            )

    def get_help_text(self) -> str:
        return _("Your password must contain at most %(longest)d characters.") % {"longest": self.longest}
