"""The credentials of providers in the admin site, for super admins alone."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts import admin_site
from accounts.admin import SuperAdmins, operator
from accounts.admin.action_view import Reasoned, check_password
from accounts.admin.base import permitted
from accounts.operators import privileged
from accounts.pages.forms import PasswordField
from apikeys import providers
from apikeys.errors import UnreadableSecret
from apikeys.models import ProviderCredential
from apikeys.models.provider_credential import validate_secret


class ProviderCredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """The secret comes in here, and never out. Whoever stores one says why, and gives their own password again."""

    request: HttpRequest  # given with each request
    secret = forms.CharField(
        required=False,
        strip=False,
        validators=[validate_secret],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="It is never shown again. Empty: the one that is stored stays.",
    )
    reason = Reasoned.base_fields["reason"]
    password = PasswordField(
        label="Your password",
        autocomplete="current-password",
        help_text="Then it is not asked again for five minutes.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if admin_site.password_is_fresh(self.request):
            self.fields.pop("password", None)

    @property
    def changed_data(self) -> list[str]:
        """What of the credentials changed: the names of these fields are kept with each change."""
        return [name for name in super().changed_data if name not in ("reason", "password")]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        needed = self.instance._state.adding or "key_id" in self.changed_data
        if needed and not cleaned.get("secret") and "secret" not in self.errors:
            self.add_error("secret", "New credentials need their secret.")
        return cleaned

    def _post_clean(self) -> None:
        """The password is looked at last: a form that has to be sent again anyhow costs no guess."""
        super()._post_clean()  # type: ignore[misc]
        if "password" in self.fields and not self.errors:
            check_password(self)


@admin.register(ProviderCredential)
class ProviderCredentialAdmin(SuperAdmins):
    """Seen masked, stored, replaced and deleted."""

    form = ProviderCredentialForm
    list_display = ("provider", "key_id", "region", "updated_at")
    actions = None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ["provider", "key_id", "region", "secret", "reason"]
        return asked if admin_site.password_is_fresh(request) else [*asked, "password"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("provider",) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        """With the masked secret, which is a look that goes on record."""
        if obj:
            try:
                context["masked"] = providers.show_to_operator(obj, operator=operator(request))
            except UnreadableSecret as refusal:
                context["unreadable"] = str(refusal)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        reason = form.cleaned_data["reason"]
        with permitted(), privileged.super_admin(operator(request), f"store {obj}", reason) as held:
            providers.store(obj, form.cleaned_data["secret"], actor=held, reason=reason)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Says what will happen, asks for a reason and the password, and does it."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        listed = reverse("admin:apikeys_providercredential_changelist")
        credential = self.get_object(request, object_id)
        if credential is None:
            messages.error(
                request, "These credentials are not stored, or not any more. Nothing was done."
            )
            return redirect(listed)
        form = Reasoned(request.POST if request.method == "POST" else None, request=request)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            with (
                permitted(),
                privileged.super_admin(operator(request), f"delete {credential}", reason) as held,
            ):
                providers.delete(credential, actor=held, reason=reason)
            messages.success(request, f"The {credential} are deleted.")
            return redirect(listed)
        context = self.admin_site.each_context(request)
        context |= {
            "title": f"Delete the {credential}",
            "opts": self.opts,
            "changelist": listed,
            "credential": credential,
            "form": form,
        }
        return TemplateResponse(
            request, "admin/apikeys/providercredential/delete.html", context, status=form.status
        )
