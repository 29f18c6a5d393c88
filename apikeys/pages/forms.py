"""Form of the pages for owners of keys."""

from django.utils.translation import gettext_lazy as _

from accounts.pages.forms import Identifier, PageForm, Password


class SignInForm(PageForm):
    identifier = Identifier()
    current = Password(label=_("Password"), autocomplete="current-password")
