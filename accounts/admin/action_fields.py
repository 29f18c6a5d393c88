"""Fields that the confirmation of an action shows: the new role, the new identifiers."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts import identifier_changes
from accounts.identifiers import RESERVED_CODE
from accounts.models import ROLES, User

ROLE_LABELS = {
    "user": "User: no access to this admin site",
    "admin": "Admin: works with users",
    "super_admin": "Super admin: may do everything",
}


class NewIdentifierField(forms.CharField):
    """A user name or an address, by the rules of its column in `User`.

    A reserved identifier is passed on to the action: the account may have it already.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        plain = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(widget=forms.TextInput(attrs=plain), **kwargs)
        self.column: Any = User._meta.get_field(name)

    def clean(self, value: Any) -> str:
        identifier = super().clean(value)
        try:
            return self.column.clean(identifier, None) or ""
        except ValidationError as error:
            if {each.code for each in error.error_list} != {RESERVED_CODE}:
                raise
            return str(self.column.to_python(identifier))


def role_fields() -> dict[str, forms.Field]:
    choices = [(role, ROLE_LABELS[role]) for role in ROLES]
    return {"role": forms.ChoiceField(label="New role", choices=choices, widget=forms.RadioSelect)}


def identifier_fields() -> dict[str, forms.Field]:
    """Return the fields of both identifiers, and a hidden one of what the operator was shown."""
    return {
        "username": NewIdentifierField("username", label="User name"),
        "email": NewIdentifierField(
            "email",
            label="E-mail",
            required=False,
            help_text="Empty: no mail, and no reset by mail.",
        ),
        "shown": forms.CharField(required=False, widget=forms.HiddenInput),
    }


def present_identifiers(user: User) -> dict[str, str]:
    return {
        "username": user.username,
        "email": user.email or "",
        "shown": identifier_changes.fingerprint(user),
    }
