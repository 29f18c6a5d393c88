"""Every key, its owner, age and last use, and the credentials of providers; never a secret."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from accounts import audit
from accounts.admin import Readable, operator
from apikeys import providers
from apikeys.models import APIKey, ProviderCredential, validate_secret


class UseFilter(admin.SimpleListFilter):
    title = "use and end"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unused", "Unused for 90 days"), ("expiring", "Expiring within 30 days"), ("live", "Live"), ("ended", "Ended or expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> QuerySet[APIKey]:
        live = Q(ended_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now()))
        choices = {
            "unused": live
            & Q(created_at__lt=now() - timedelta(days=90))
            & (Q(last_used_at=None) | Q(last_used_at__lt=now() - timedelta(days=90))),
            "expiring": live & Q(expires_at__lt=now() + timedelta(days=30)),
            "live": live,
            "ended": ~live,
        }
        return queryset.filter(choices.get(self.value() or "", Q()))


@admin.register(APIKey)
class APIKeyAdmin(Readable):
    list_display = ("public_id", "name", "owner", "scope", "created_at", "last_used_at", "expires_at", "ended_at", "ended_why")
    list_select_related = ("owner",)
    list_filter = (UseFilter,)
    search_fields = ("=id", "name", "owner__username", "owner__email")
    search_help_text = "Name, owner, or key id without key_"
    exclude = ("digest",)
    show_full_result_count = False
    actions = ("end",)

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [F("last_used_at").desc(nulls_last=True), "-created_at"]

    @admin.action(description="End the selected keys", permissions=["view"])
    def end(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        allowed = queryset if operator(request).is_superuser else queryset.filter(owner__is_staff=False, owner__is_superuser=False)
        ended = 0
        for key in allowed:
            if APIKey.objects.filter(pk=key.pk).end("ended by an operator"):
                audit.record(audit.Kind.KEY_DELETED, user_id=key.owner_id, actor=operator(request), name=key.public_id)
                ended += 1
        self.message_user(request, f"{ended} keys ended.", messages.SUCCESS)


class ProviderCredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    """The secret comes in here, and never out."""

    secret = forms.CharField(
        required=False,
        strip=False,
        validators=[validate_secret],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="It is never shown again. Empty: the one that is stored stays.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        needed = self.instance._state.adding or "key_id" in self.changed_data
        if needed and not cleaned.get("secret") and "secret" not in self.errors:
            self.add_error("secret", "New credentials need their secret.")
        return cleaned


@admin.register(ProviderCredential)
class ProviderCredentialAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For super admins alone."""

    form = ProviderCredentialForm
    list_display = ("provider", "key_id", "region", "updated_at")
    fields = ("provider", "key_id", "region", "secret")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("provider",) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_add_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        providers.store(obj, form.cleaned_data["secret"], actor=operator(request))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        providers.delete(obj, actor=operator(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ProviderCredential]) -> None:
        for credential in queryset:
            providers.delete(credential, actor=operator(request))
