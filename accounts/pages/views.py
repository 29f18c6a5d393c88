"""The pages that people open: ask for a link, choose a new password with it, or change the one they know."""

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

from accounts import passwords, rate_limits
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
from accounts.pages.forms import ChangePasswordForm, ForgotForm, NewPasswordForm, PageForm

Response = TypeVar("Response", bound=HttpResponseBase)
TOKEN = "authsvc_reset"  # noqa: S105 (the cookie's name)


def site(request: HttpRequest) -> dict[str, str]:
    """What every template may say of this service."""
    return {"site_name": settings.SITE_NAME}


class Page(View):
    """Kept by no cache, and named to no other site by a browser."""

    def guard(self) -> None:
        """Refuse where this page has nothing to offer."""

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
    """Words only."""


class FormPage(Page, FormView):  # type: ignore[type-arg]
    """A form that does one thing, and says in words what is wrong with what was typed."""

    def act(self, asked: dict[str, Any]) -> None:
        raise NotImplementedError

    def form_valid(self, form: PageForm) -> HttpResponse:
        try:
            self.act(form.cleaned_data)
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
        form.point_out()
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def refuse_for_now(self, form: PageForm, refusal: TooManyAttempts) -> HttpResponse:
        recent_refusals.remember(refusal, 429, "to try again later")
        minutes = -(-refusal.seconds // 60)
        wait = ngettext(
            "Too many attempts. Please try again in %(minutes)d minute.",
            "Too many attempts. Please try again in %(minutes)d minutes.",
            minutes,
        )
        form.refuse(None, wait % {"minutes": minutes})
        response = self.form_invalid(form, status=429)
        response.headers["Retry-After"] = str(refusal.seconds)
        return response

    def refuse_while_busy(self, form: PageForm, refusal: HashingOverloaded) -> HttpResponse:
        recent_refusals.remember(refusal, 503, "to try again in a moment")
        form.refuse(
            None,
            _(
                "Too many people are signing in just now. Nothing was changed. Please send the form again in a moment."
            ),
        )
        response = self.form_invalid(form, status=503)
        response.headers["Retry-After"] = "1"
        return response


def change_required() -> SafeString:
    """Return the refusal of a right password that has to be replaced, with a link to the page for that."""
    return format_html(
        '{} <a href="{}">{}</a>',
        _("Password change required."),
        reverse("change-password"),
        _("Choose a new one."),
    )


class Forgot(FormPage):
    form_class = ForgotForm
    template_name = "accounts/forgot.html"
    success_url = reverse_lazy("forgot-sent")

    def guard(self) -> None:
        if not settings.EMAILS_ENABLED:
            raise EmailDisabled

    def act(self, asked: dict[str, Any]) -> None:
        rate_limits.asking_for_mail()
        passwords.ask_for_reset(asked["identifier"])


class OpenLink(Page):
    """The link in a mail: its token moves from the address bar to a cookie. Nothing is looked up or used up: mail scanners open links."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return remember_token(redirect("reset"), token)


class Reset(FormPage):
    """A new password for who holds the token of a link."""

    form_class = NewPasswordForm
    template_name = "accounts/reset.html"
    reset: PasswordReset
    first: bool  # nobody has signed in with the account yet

    def guard(self) -> None:
        self.token = self.request.COOKIES.get(TOKEN, "")
        self.reset = passwords.find_reset(self.token)
        self.first = not self.reset.user.has_usable_password()

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"username": self.reset.user.username}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(first=self.first, **context)

    def get_success_url(self) -> str:
        return reverse("first-password-done" if self.first else "reset-done")

    def act(self, asked: dict[str, Any]) -> None:
        passwords.reset_by_token(self.token, asked["password"])

    def form_valid(self, form: PageForm) -> HttpResponse:
        response = super().form_valid(form)
        return forget_token(response) if response.status_code == 302 else response


class ChangePassword(FormPage):
    """A new password for who knows the present one: signed in here or not, and also where it has to be changed."""

    form_class = ChangePasswordForm
    template_name = "accounts/change_password.html"
    success_url = reverse_lazy("change-password-done")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"username": self.request.user.get_username()}

    def act(self, asked: dict[str, Any]) -> None:
        with rate_limits.login_attempt(asked["identifier"]):
            user = passwords.change_with_password(
                asked["identifier"], asked["current"], asked["password"]
            )
        if self.request.user == user:
            update_session_auth_hash(self.request, user)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open for too long, a browser that keeps no cookies, or a proxy that changes Host or Origin."""
    misrouted.foreign_origin(request)
    return keep_private(render(request, "accounts/csrf_failure.html", status=403))


def keep_private(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def remember_token(response: HttpResponse, token: str) -> HttpResponse:
    lifetime = settings.RESET_LIFETIME if token else 0
    response.set_cookie(
        TOKEN,
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
