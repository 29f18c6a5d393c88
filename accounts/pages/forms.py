"""Forms and fields of the pages."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.validators import MaximumLengthValidator

NO_CORRECTION = {"autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}


class IdentifierField(forms.CharField):
    widget = forms.TextInput(attrs={"autocomplete": "username", **NO_CORRECTION})

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"label": _("User name or e-mail address"), "max_length": 254, **options}
        )


class PasswordField(forms.CharField):
    """A password exactly as it is typed: not trimmed, normalised, or cut by the browser."""

    def __init__(self, *, autocomplete: str, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete, **NO_CORRECTION})
        super().__init__(
            **{
                "strip": False,
                "validators": [MaximumLengthValidator().validate],
                "widget": widget,
                **options,
            }
        )


class PageForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def refuse(self, field: str | None, *messages: str) -> None:
        for message in messages:
            self.add_error(field, message)

    def focus_first_error(self) -> None:
        """Focus the first field with an error, or the first field."""
        wrong = next((name for name in self.fields if name in self.errors), None)
        self.fields[wrong or next(iter(self.fields))].widget.attrs["autofocus"] = True


class PasswordResetRequestForm(PageForm):
    identifier = IdentifierField()


class SetPasswordForm(PageForm):
    """A new password: typed once where JavaScript can show it, and twice without JavaScript."""

    password = PasswordField(label=_("New password"), autocomplete="new-password")
    again = PasswordField(
        label=_("The new password again"), autocomplete="new-password", required=False
    )

    def __init__(self, *args: Any, username: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.username = username
        self.fields["password"].help_text = rules()
        self.fields["password"].widget.attrs["data-strength"] = username

    def clean(self) -> dict[str, Any]:
        if "again" in self.data and self.data["again"] != self.data.get("password"):
            self.refuse("again", str(_("The two passwords are not the same.")))
        return self.cleaned_data


class PasswordChangeForm(SetPasswordForm):
    identifier = IdentifierField()
    current = PasswordField(label=_("Current password"), autocomplete="current-password")
    field_order = ("identifier", "current", "password", "again")

    def __init__(self, *args: Any, username: str = "", **kwargs: Any) -> None:
        super().__init__(*args, username=username, **kwargs)
        if username:
            self.fields["identifier"].initial = username
            self.fields["identifier"].widget.attrs["readonly"] = True

    def clean_identifier(self) -> str:
        """Return the signed-in user's name, whatever was sent: users change their own password."""
        return self.username or str(self.cleaned_data["identifier"])


def rules() -> SafeString:
    """Return the rules for a new password as a list, shown before the first try."""
    return format_html(
        "<ul>{}</ul>",
        format_html_join("", "<li>{}</li>", ((text,) for text in password_validators_help_texts())),
    )
