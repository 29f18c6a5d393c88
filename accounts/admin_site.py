"""The admin site: its login, its session and its dashboard.

What it shows is registered by `admin` packages of the apps.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts import admin_session, known_networks, passwords, request_context
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import HashingOverloaded, InvalidCredentials, TooManyAttempts
from accounts.models import User
from accounts.operators import permissions
from accounts.rate_limits import LoginAttempt

OVERLOADED = "overloaded"  # the code of a form's error
REFUSED = (
    "Wrong user name or password, or the account may not work here. "
    "Capital letters count in the password only."
)

# Functions that return the context of a part of the dashboard for an operator.
dashboard_parts: list[Callable[[User], dict[str, Any]]] = []


class LoginForm(AdminAuthenticationForm):
    """The login of the admin site, limited like every other login."""

    error_messages = AdminAuthenticationForm.error_messages | {"invalid_login": REFUSED}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"

    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password:
            return self.cleaned_data
        user, attempt = self.check_credentials(username, password)
        self.user_cache = user
        self.confirm_login_allowed(user)
        known_networks.note(attempt, user)
        return self.cleaned_data

    def check_credentials(self, username: str, password: str) -> tuple[User, LoginAttempt]:
        """Return the user with this password; ``ValidationError`` with what is wrong."""
        try:
            return passwords.check_credentials(username, password)
        except TooManyAttempts as refusal:
            raise ValidationError(
                f"Too many login attempts. Please try again in {refusal.minutes} min.",
                code="throttled",
            ) from refusal
        except HashingOverloaded as refusal:
            raise ValidationError(
                "Too many users are signing in just now. Please try again in a moment.",
                code=OVERLOADED,
            ) from refusal
        except InvalidCredentials as refusal:
            raise self.get_invalid_login_error() from refusal

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse a right password of a user who is no operator; record it like a wrong one."""
        if not permissions.is_operator(user):
            audit_log.record(
                audit_log.Kind.LOGIN_FAILED,
                user=user,
                identifier=self.cleaned_data["username"],
                reason=(
                    Reason.PASSWORD_CHANGE_REQUIRED if user.is_staff else Reason.NOT_AN_OPERATOR
                ),
            )
        super().confirm_login_allowed(user)
        if user.must_change_password:
            raise password_change_required()


def password_change_required() -> ValidationError:
    link = format_html('<a href="{}">{}</a>', reverse("change-password"), _("Choose a new one."))
    return ValidationError(
        format_html("{} {}", _("Password change required."), link),
        code="password_change_required",
    )


class AuthsvcAdminSite(admin.AdminSite):
    """Django's admin site with a dashboard, a short session and logins that are limited."""

    site_header = site_title = "authsvc"
    site_url = None  # no "View site": there is no other page to lead to
    index_title = "Dashboard"
    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and permissions.is_operator(request.user)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The dashboard."""
        context: dict[str, Any] = {}
        if isinstance(request.user, User):
            for part in dashboard_parts:
                context |= part(request.user)
        return super().index(request, context | (extra_context or {}))

    def app_index(  # type: ignore[override]  # of the stubs
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the dashboard, which shows the lists of all apps."""
        return redirect("admin:index")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return [
            {**app, "app_url": reverse("admin:index")}
            for app in super().get_app_list(request, app_label)
        ]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def within_session(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            request_context.current().contract = request_context.ADMIN
            admin_session.keep_alive(request)
            return guarded(request, *args, **kwargs)

        return within_session

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        request_context.current().contract = request_context.ADMIN
        admin_session.keep_alive(request)
        response = super().login(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            admin_session.start(request)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form and form.has_error(NON_FIELD_ERRORS, OVERLOADED):
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
            response.headers["Retry-After"] = "1"
        return response
