"""Pages for users: request a password reset, confirm it by its link, or change the password."""

from abc import ABC, abstractmethod
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.generic import FormView, TemplateView, View

from accounts import password_reset, passwords, rate_limits
from accounts.audit import recent_refusals
from accounts.errors import (
    EmailDisabled,
    HashingOverloaded,
    InvalidCredentials,
    InvalidReset,
    PasswordChangeRequired,
    TooManyAttempts,
    WeakPassword,
)
from accounts.models import PasswordReset
from accounts.pages import misrouted
from accounts.pages.forms import (
    PageForm,
    PasswordChangeForm,
    PasswordResetRequestForm,
    SetPasswordForm,
)

Response = TypeVar("Response", bound=HttpResponseBase)
RESET_COOKIE = "authsvc_reset"


def site(request: HttpRequest) -> dict[str, str]:
    """Return the template context of every page."""
    return {"site_name": settings.SITE_NAME}


class Page(View):
    """A page that no cache stores, and whose address a browser sends to no other site."""

    def guard(self) -> None:
        """Raise the refusal of a request for which this page does not exist."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.guard()
            response = super().dispatch(request, *args, **kwargs)
        except InvalidReset as refusal:
            recent_refusals.remember(refusal, 410, "that the link cannot be used any more")
            response = forget_token(render(request, "accounts/reset_expired.html", status=410))
        except EmailDisabled:
            response = render(request, "accounts/no_mail.html", status=503)
        return keep_private(response)


class PlainPage(Page, TemplateView):
    """A page that only shows a template."""


class FormPage(Page, FormView, ABC):  # type: ignore[type-arg]
    """A page with a form; refusals of ``perform`` are shown as errors of the form."""

    @abstractmethod
    def perform(self, data: dict[str, Any]) -> None:
        """Do what the valid form asks for, or raise a refusal of the core."""

    def form_valid(self, form: PageForm) -> HttpResponse:
        try:
            self.perform(form.cleaned_data)
        except WeakPassword as refusal:
            recent_refusals.remember(refusal, 422, refusal.text)
            form.refuse("password", *refusal.reasons)
        except InvalidCredentials as refusal:
            recent_refusals.remember(refusal, 422, "that the name or the current password is wrong")
            form.refuse("current", _("The name or the current password is wrong."))
        except PasswordChangeRequired as refusal:
            recent_refusals.remember(refusal, 422, "that the password must be changed first")
            form.refuse(None, change_required())
        except TooManyAttempts as refusal:
            return self.refuse_for_now(form, refusal)
        except HashingOverloaded as refusal:
            return self.refuse_while_busy(form, refusal)
        else:
            return super().form_valid(form)
        return self.form_invalid(form)

    def form_invalid(self, form: PageForm, status: int = 422) -> HttpResponse:
        form.focus_first_error()
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def refuse_for_now(self, form: PageForm, refusal: TooManyAttempts) -> HttpResponse:
        recent_refusals.remember(refusal, 429, "to try again later")
        wait = ngettext(
            "Too many attempts. Please try again in %(minutes)d minute.",
            "Too many attempts. Please try again in %(minutes)d minutes.",
            refusal.minutes,
        )
        form.refuse(None, wait % {"minutes": refusal.minutes})
        response = self.form_invalid(form, status=429)
        response.headers["Retry-After"] = str(refusal.seconds)
        return response

    def refuse_while_busy(self, form: PageForm, refusal: HashingOverloaded) -> HttpResponse:
        recent_refusals.remember(refusal, 503, "to try again in a moment")
        message = _(
            "Too many users are signing in just now. Nothing was changed. "
            "Please send the form again in a moment."
        )
        form.refuse(None, message)
        response = self.form_invalid(form, status=503)
        response.headers["Retry-After"] = "1"
        return response


def change_required() -> SafeString:
    """Return the error for a right password that must be changed, with a link to that page."""
    return format_html(
        '{} <a href="{}">{}</a>',
        _("Password change required."),
        reverse("change-password"),
        _("Choose a new one."),
    )


class PasswordResetRequestView(FormPage):
    form_class = PasswordResetRequestForm
    template_name = "accounts/forgot.html"
    success_url = reverse_lazy("forgot-sent")

    def guard(self) -> None:
        if not settings.EMAILS_ENABLED:
            raise EmailDisabled

    def perform(self, data: dict[str, Any]) -> None:
        rate_limits.count_reset_request()
        password_reset.ask(data["identifier"])


class PasswordResetLinkView(Page):
    """The link in a mail: its token moves from the address bar to a cookie.

    It queries nothing and uses nothing up, since mail scanners open links.
    """

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return remember_token(redirect("reset"), token)


class PasswordResetConfirmView(FormPage):
    """Set a new password with the token of a link."""

    form_class = SetPasswordForm
    template_name = "accounts/reset.html"
    reset: PasswordReset
    first: bool  # the account has no password yet

    def guard(self) -> None:
        self.token = self.request.COOKIES.get(RESET_COOKIE, "")
        self.reset = password_reset.find(self.token)
        self.first = not self.reset.user.has_usable_password()

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"username": self.reset.user.username}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(first=self.first, **context)

    def get_success_url(self) -> str:
        return reverse("first-password-done" if self.first else "reset-done")

    def perform(self, data: dict[str, Any]) -> None:
        password_reset.use_token(self.token, data["password"])

    def form_valid(self, form: PageForm) -> HttpResponse:
        response = super().form_valid(form)
        return forget_token(response) if response.status_code == 302 else response


class PasswordChangeView(FormPage):
    """Change the password with the current one, signed in or not, also when it must be changed."""

    form_class = PasswordChangeForm
    template_name = "accounts/change_password.html"
    success_url = reverse_lazy("change-password-done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"username": self.request.user.get_username()}

    def perform(self, data: dict[str, Any]) -> None:
        user = passwords.change_with_password(data["identifier"], data["current"], data["password"])
        if self.request.user == user:
            update_session_auth_hash(self.request, user)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token.

    It was open for too long, the browser keeps no cookies, or a proxy changes Host or Origin.
    """
    misrouted.foreign_origin(request)
    return keep_private(render(request, "accounts/csrf_failure.html", status=403))


def keep_private(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def remember_token(response: HttpResponse, token: str) -> HttpResponse:
    lifetime = settings.RESET_LIFETIME if token else 0
    response.set_cookie(
        RESET_COOKIE,
        token,
        max_age=lifetime,
        path=reverse("reset"),
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )
    return response


def forget_token(response: HttpResponse) -> HttpResponse:
    return remember_token(response, "")
