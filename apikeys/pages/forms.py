"""Form of the pages for owners of keys."""

from django.utils.translation import gettext_lazy as _

from accounts.pages.forms import IdentifierField, PageForm, PasswordField


class SignInForm(PageForm):
    identifier = IdentifierField()
    current = PasswordField(label=_("Password"), autocomplete="current-password")
