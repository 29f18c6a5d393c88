"""Provider credentials in the admin site, for super admins only."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from accounts import admin_session
from accounts.admin import SuperAdminsOnly, operator
from accounts.admin.base import permitted
from accounts.admin.reauthentication import ReauthenticatedFormView, ReauthenticationForm
from accounts.operators import privileged
from apikeys import providers
from apikeys.errors import UnreadableSecret
from apikeys.models import ProviderCredential
from apikeys.models.provider_credential import validate_secret

LIST = "admin:apikeys_providercredential_changelist"


class ProviderCredentialForm(forms.ModelForm, ReauthenticationForm):  # type: ignore[type-arg]
    """Credentials whose secret comes in here, and never out; with a reason and the password."""

    secret = forms.CharField(
        required=False,
        strip=False,
        validators=[validate_secret],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="It is never shown again. Empty: the one that is stored stays.",
    )

    @property
    def changed_data(self) -> list[str]:
        """The names of the changed fields of the credentials, which are kept with each change."""
        return [name for name in super().changed_data if name not in ("reason", "password")]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        needed = self.instance._state.adding or "key_id" in self.changed_data
        if needed and not cleaned.get("secret") and "secret" not in self.errors:
            self.add_error("secret", "New credentials need their secret.")
        return cleaned


class ProviderCredentialDeleteView(ReauthenticatedFormView):
    """The page that explains and carries out the deletion of credentials."""

    template_name = "admin/apikeys/providercredential/delete.html"
    credential: ProviderCredential

    def check_permission(self) -> None:
        if not self.model_admin.has_delete_permission(self.request):
            raise PermissionDenied

    def prepare(self) -> HttpResponseBase | None:
        credential = self.model_admin.get_object(self.request, self.kwargs["pk"])
        if credential is None:
            messages.error(
                self.request, "These credentials are not stored, or not any more. Nothing was done."
            )
            return redirect(LIST)
        self.credential = credential
        return None

    def get_title(self) -> str:
        return f"Delete the {self.credential}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(credential=self.credential, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        reason, action = form.cleaned_data["reason"], f"delete {self.credential}"
        with privileged.super_admin(self.operator, action, reason) as locked:
            providers.delete(self.credential, actor=locked, reason=reason)
        messages.success(self.request, f"The {self.credential} are deleted.")
        return redirect(LIST)


@admin.register(ProviderCredential)
class ProviderCredentialAdmin(SuperAdminsOnly):
    """Credentials that super admins look at masked, store, replace and delete."""

    form = ProviderCredentialForm
    list_display = ("provider", "key_id", "region", "updated_at")
    actions = None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ["provider", "key_id", "region", "secret", "reason"]
        return asked if admin_session.password_is_fresh(request) else [*asked, "password"]

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
        """Show the masked secret, and write the audit event of that."""
        if obj:
            try:
                context["masked"] = providers.show_to_operator(obj, operator=operator(request))
            except UnreadableSecret as refusal:
                context["unreadable"] = str(refusal)
        response = super().render_change_form(request, context, add, change, form_url, obj)
        form = context["adminform"].form
        if form.refused_with:
            response.status_code, response["Retry-After"] = form.refused_with, str(form.retry_after)
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        reason = form.cleaned_data["reason"]
        with (
            permitted(),
            privileged.super_admin(operator(request), f"store {obj}", reason) as locked,
        ):
            providers.store(obj, form.cleaned_data["secret"], actor=locked, reason=reason)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        view = ProviderCredentialDeleteView.as_view(model_admin=self)
        return view(request, pk=object_id)  # type: ignore[return-value]  # no streamed one
