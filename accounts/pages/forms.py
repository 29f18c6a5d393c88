"""What people type into the pages."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.validators import MaximumLengthValidator

AS_TYPED = {"autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"}


class Identifier(forms.CharField):
    widget = forms.TextInput(attrs={"autocomplete": "username", **AS_TYPED})

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"label": _("User name or e-mail address"), "max_length": 254, **options}
        )


class Password(forms.CharField):
    """Taken as it is: no space trimmed, no letter normalised, and no end cut off by the browser."""

    def __init__(self, *, autocomplete: str, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete, **AS_TYPED})
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

    def refuse(self, field: str | None, *sentences: str) -> None:
        for sentence in sentences:
            self.add_error(field, sentence)

    def point_out(self) -> None:
        """Lead to the first field that has to be filled in anew."""
        wrong = next((name for name in self.fields if name in self.errors), None)
        self.fields[wrong or next(iter(self.fields))].widget.attrs["autofocus"] = True


class ForgotForm(PageForm):
    identifier = Identifier()


class NewPasswordForm(PageForm):
    """One field is enough for who can look at what they typed; who cannot, without JavaScript, types it twice."""

    password = Password(label=_("New password"), autocomplete="new-password")
    again = Password(label=_("The new password again"), autocomplete="new-password", required=False)

    def __init__(self, *args: Any, username: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.username = username
        self.fields["password"].help_text = rules()
        self.fields["password"].widget.attrs["data-strength"] = username

    def clean(self) -> dict[str, Any]:
        if "again" in self.data and self.data["again"] != self.data.get("password"):
            self.refuse("again", str(_("The two passwords are not the same.")))
        return self.cleaned_data


class ChangePasswordForm(NewPasswordForm):
    identifier = Identifier()
    current = Password(label=_("Current password"), autocomplete="current-password")
    field_order = ("identifier", "current", "password", "again")

    def __init__(self, *args: Any, username: str = "", **kwargs: Any) -> None:
        super().__init__(*args, username=username, **kwargs)
        if username:
            self.fields["identifier"].initial = username
            self.fields["identifier"].widget.attrs["readonly"] = True

    def clean_identifier(self) -> str:
        """Who is signed in changes their own password, whatever was sent."""
        return self.username or str(self.cleaned_data["identifier"])


def rules() -> SafeString:
    """What a new password has to be like, said before the first try."""
    return format_html(
        "<ul>{}</ul>",
        format_html_join("", "<li>{}</li>", ((text,) for text in password_validators_help_texts())),
    )
