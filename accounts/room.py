"""The operators' room itself, and its door. What stands in it is registered by ``admin`` modules."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts import limits, operators
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.models import User


class LoginForm(AdminAuthenticationForm):
    """The admin's way in: the same budget of guesses as every other."""

    def clean(self) -> dict[str, Any]:
        try:
            with limits.guessing(self.cleaned_data.get("username") or ""):
                return self.checked()
        except TooManyAttempts as refusal:
            minutes = -(-int(refusal.retry_after.total_seconds()) // 60)
            raise ValidationError(f"Too many login attempts. Please try again in {minutes} min.", code="throttled") from refusal
        except InvalidCredentials as refusal:
            raise self.get_invalid_login_error() from refusal

    def checked(self) -> dict[str, Any]:
        try:
            return super().clean()
        except ValidationError as error:
            if self.user_cache is None:
                raise InvalidCredentials from error
            raise

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.must_change_password:
            change = format_html('<a href="{}">{}</a>', reverse("change-password"), _("Choose a new one."))
            raise ValidationError(format_html("{} {}", _("Password change required."), change), code="password_change_required")


class OperatorsSite(admin.AdminSite):
    site_header = site_title = "authsvc"
    index_title = "Accounts and sessions"
    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and operators.may_enter(request.user)
