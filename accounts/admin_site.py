"""The admin site and its login. What stands in it is registered by ``admin`` modules."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from time import time
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts import passwords, rate_limits, request_context, sign_ins
from accounts.audit import audit_log, reason_messages
from accounts.audit.reasons import Reason
from accounts.errors import HashingOverloaded, InvalidCredentials, TooManyAttempts
from accounts.models import User
from accounts.operators import permissions

REMEMBERED = timedelta(minutes=5)  # for how long the password is not asked again
OVERLOADED = "overloaded"  # the code of a form's error
REFUSED = "Wrong user name or password, or the account may not work here. Capital letters count in the password only."
ENTERED, SEEN, PASSWORD_GIVEN = (
    "entered_at",
    "seen_at",
    "password_given_at",
)  # keys of the browser's session


class LoginForm(AdminAuthenticationForm):
    """The admin's way in: the same budget of guesses as every other."""

    error_messages = AdminAuthenticationForm.error_messages | {"invalid_login": REFUSED}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"

    def clean(self) -> dict[str, Any]:
        try:
            with rate_limits.login_attempt(self.cleaned_data.get("username") or "") as attempt:
                cleaned = self.checked()
                if self.user_cache:
                    sign_ins.note(attempt, self.user_cache)
                return cleaned
        except TooManyAttempts as refusal:
            raise ValidationError(
                f"Too many login attempts. {try_again(refusal)}", code="throttled"
            ) from refusal
        except HashingOverloaded as refusal:
            raise ValidationError(
                "Too many people are signing in just now. Please try again in a moment.",
                code=OVERLOADED,
            ) from refusal
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
        """Whoever gave the right password and is not let in all the same is on record like a wrong one."""
        if not permissions.is_operator(user):
            reason = (
                Reason.NOT_AN_OPERATOR if not user.is_staff else Reason.PASSWORD_CHANGE_REQUIRED
            )
            audit_log.record(
                audit_log.Kind.LOGIN_FAILED,
                user=user,
                name=self.cleaned_data["username"],
                reason=reason,
            )
        super().confirm_login_allowed(user)
        if user.must_change_password:
            change = format_html(
                '<a href="{}">{}</a>', reverse("change-password"), _("Choose a new one.")
            )
            raise ValidationError(
                format_html("{} {}", _("Password change required."), change),
                code="password_change_required",
            )


def try_again(refusal: TooManyAttempts) -> str:
    minutes = -(-refusal.seconds // 60)
    return f"Please try again in {minutes} min."


dashboard_parts: list[
    Callable[[User], dict[str, Any]]
] = []  # what it shows to an operator; those who know register it


class OperatorsSite(admin.AdminSite):
    site_header = site_title = "authsvc"
    site_url = None  # no "View site": there is no other page to lead to
    index_title = "Accounts and sessions"
    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and permissions.is_operator(request.user)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        shown = [part(request.user) for part in dashboard_parts if isinstance(request.user, User)]
        return super().index(
            request,
            {name: value for part in shown for name, value in part.items()} | (extra_context or {}),
        )

    def app_index(  # type: ignore[override]  # of the stubs
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An app has no page of its own: its lists are on the dashboard, below what needs somebody now."""
        return redirect("admin:index")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return [
            {**app, "app_url": reverse("admin:index")}
            for app in super().get_app_list(request, app_label)
        ]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            request_context.current().contract = request_context.ADMIN
            keep_session(request)
            return guarded(request, *args, **kwargs)

        return entered

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        request_context.current().contract = request_context.ADMIN
        keep_session(request)
        response = super().login(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            request.session[ENTERED] = request.session[SEEN] = int(time())
            remember_password(request)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if form and form.has_error(NON_FIELD_ERRORS, OVERLOADED):
            response.status_code, response.headers["Retry-After"] = 503, "1"
        return response


def keep_session(request: HttpRequest) -> None:
    """Let a session of the admin go on until it has idled, or lasted, for too long. Its row is written once a minute at most."""
    if not request.user.is_authenticated:
        return
    at, session = int(time()), request.session
    if at - session.setdefault(ENTERED, at) >= settings.ADMIN_SESSION.total_seconds():
        return end_session(request, Reason.ADMIN_TOO_LONG)
    if at - session.setdefault(SEEN, at) >= settings.ADMIN_IDLE.total_seconds():
        return end_session(request, Reason.ADMIN_IDLE)
    if at - session[SEEN] >= min(60.0, settings.ADMIN_IDLE.total_seconds() / 10):
        session[SEEN] = at
    return None


def end_session(request: HttpRequest, reason: Reason) -> None:
    if isinstance(request.user, User):
        audit_log.record(audit_log.Kind.LOGOUT, user=request.user, reason=reason)
        messages.info(
            request,
            f"You were {reason_messages.text(reason, {})}. Please sign in again.",
            fail_silently=True,
        )
    request.session.flush()
    request.user = AnonymousUser()


# The password, asked again before what is dangerous


def remember_password(request: HttpRequest) -> None:
    request.session[PASSWORD_GIVEN] = int(time())


def password_is_fresh(request: HttpRequest) -> bool:
    """Whether it was given in this very session, a few minutes ago at most."""
    return bool(0 <= time() - request.session.get(PASSWORD_GIVEN, 0) < REMEMBERED.total_seconds())


def ask_password_again(request: HttpRequest, typed: str) -> None:
    """Remember that it was given. A wrong one counts, and is on record, as at every door: ``InvalidCredentials``, ``TooManyAttempts``."""
    username = request.user.get_username()
    with rate_limits.login_attempt(username):
        passwords.authenticate(username, typed)
    remember_password(request)
