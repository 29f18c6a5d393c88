"""Pages of the admin site that ask for a reason and the operator's password before they act."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.generic import FormView

from accounts import admin_session
from accounts.admin.base import operator, permitted
from accounts.admin.links import rows_url
from accounts.errors import HashingOverloaded, InvalidCredentials, TooManyAttempts
from accounts.pages.forms import PasswordField

MAX_REASON_LENGTH = 150  # characters; what the action itself notes stands before them
OVERLOADED = (
    "Too many passwords are being checked just now. Nothing was changed. "
    "Please send the form again in a moment."
)


class ReauthenticationForm(forms.Form):
    """A reason for the audit log, and the operator's password.

    The password is asked for unless it was given in this browser a few minutes ago. A form that is
    not `dangerous` asks for no password, and its reason is optional.
    `request` is the request that the form belongs to: an argument, or an attribute of a subclass.
    """

    request: HttpRequest
    refused_with: HTTPStatus | None = None
    retry_after = 0  # seconds

    reason = forms.CharField(
        max_length=MAX_REASON_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Kept in the audit log, beside your name.",
    )
    password = PasswordField(
        label="Your password",
        autocomplete="current-password",
        help_text="Then it is not asked again for five minutes.",
    )

    def __init__(
        self,
        *args: Any,
        request: HttpRequest | None = None,
        dangerous: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.request = request or self.request
        if not dangerous:
            self.make_reason_optional()
        if not dangerous or admin_session.password_is_fresh(self.request):
            del self.fields["password"]

    def make_reason_optional(self) -> None:
        self.fields["reason"].required = False
        self.fields["reason"].label = "Reason (optional)"

    @property
    def status(self) -> HTTPStatus:
        """The status of the page that shows this form."""
        if self.refused_with:
            return self.refused_with
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.errors else HTTPStatus.OK

    def full_clean(self) -> None:
        """Check the password last: a form with other errors costs no attempt."""
        super().full_clean()
        if self.is_bound and not self.errors and "password" in self.fields:
            self._check_password(self.cleaned_data["password"])

    def _check_password(self, password: str) -> None:
        try:
            admin_session.reauthenticate(self.request, password)
        except InvalidCredentials:
            self.add_error("password", "This is not your password. Nothing was done.")
        except TooManyAttempts as refusal:
            wait = f"Please try again in {refusal.minutes} min."
            self.add_error("password", f"Too many wrong passwords. Nothing was done. {wait}")
            self.refused_with, self.retry_after = HTTPStatus.TOO_MANY_REQUESTS, refusal.seconds
        except HashingOverloaded:
            self.add_error("password", OVERLOADED)
            self.refused_with, self.retry_after = HTTPStatus.SERVICE_UNAVAILABLE, 1


class ReauthenticatedFormView(FormView):  # type: ignore[type-arg]
    """A page of a model's admin that shows a form, checks the operator's password, and acts.

    A subclass gives its template, title and form, refuses in `check_permission`, and acts in
    `form_valid`: the form is valid then, and the password right. It goes inside the site's
    `admin_view`, which also keeps it out of every cache. A `NotPermitted` of the core is a 403.
    The page of a refused form has the status 422, or 429 and 503 with a `Retry-After`.
    """

    model_admin: admin.ModelAdmin[Any] = None  # type: ignore[assignment]  # given to as_view()
    form_class: type[ReauthenticationForm] = ReauthenticationForm
    title = ""
    http_method_names = ["get", "head", "post"]

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.operator = operator(request)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.check_permission()
        with permitted():
            return self.prepare() or super().dispatch(request, *args, **kwargs)

    def check_permission(self) -> None:
        """Raise `PermissionDenied` for an operator who may not open this page."""
        if not self.model_admin.has_view_permission(self.request):
            raise PermissionDenied

    def prepare(self) -> HttpResponseBase | None:
        """Load what the page is about; return another response if there is nothing to show."""
        return None

    def get_title(self) -> str:
        return self.title

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request, "label_suffix": ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **self.model_admin.admin_site.each_context(self.request),
            "title": self.get_title(),
            "opts": self.model_admin.opts,
            "changelist": rows_url(self.model_admin.model),
            **super().get_context_data(**kwargs),
        }

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        form = context["form"]
        response = super().render_to_response(context, **{"status": form.status, **kwargs})
        if form.retry_after:
            response.headers["Retry-After"] = str(form.retry_after)
        return response
