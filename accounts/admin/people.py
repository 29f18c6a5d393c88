"""People: found, made, edited, and acted on."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, BaseUserCreationForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts import audit, passwords
from accounts.admin.base import operator
from accounts.models import User

admin.site.unregister(Group)  # roles are two flags


class NewUserForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """A new account with a password that the operator knows, and so a temporary one."""

    class Meta:
        model = User
        fields = ("username", "email", "name", "organization", "aws_region")

    def save(self, commit: bool = True) -> Any:
        self.instance.must_change_password = True
        return super().save(commit)


class TemporaryPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    usable_password = None

    def save(self, commit: bool = True) -> Any:
        passwords.set_temporary(self.user, self.cleaned_data["password1"])
        return self.user


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """Admins work with users; only super admins with admins, and with who is one."""

    add_form = NewUserForm
    change_password_form = TemporaryPasswordForm
    list_display = ("username", "email", "name", "role", "is_active", "must_change_password", "last_login")
    list_filter = ("is_active", "must_change_password", "is_staff", "is_superuser")
    search_fields = ("username", "email", "name", "=uuid")
    ordering = ("username",)
    show_full_result_count = False
    readonly_fields = ("uuid", "last_login", "created_at", "updated_at")
    filter_horizontal = ()
    actions = ("end_sessions", "deactivate")
    fieldsets = (
        (None, {"fields": ("username", "password", "must_change_password", "is_active")}),
        ("Profile", {"fields": ("name", "email", "organization", "aws_region")}),
        ("Role", {"fields": ("is_staff", "is_superuser")}),
        ("Record", {"fields": ("uuid", "last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "name", "organization", "aws_region")}),
        (
            "Temporary password",
            {"fields": ("password1", "password2"), "description": "Its owner has to choose another one at the first login."},
        ),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) and (request.user.is_superuser or obj is None or not obj.is_admin)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Accounts are deactivated: what happened to them stays told."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        rights = () if request.user.is_superuser else ("is_staff", "is_superuser")
        return (*self.readonly_fields, *rights)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changes = ", ".join(form.changed_data) if change else "created"
        audit.record(audit.Kind.ACCOUNT_CHANGED, user=obj, actor=operator(request), reason=changes)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            audit.record(
                audit.Kind.ACCOUNT_CHANGED, user=self.get_object(request, id), actor=operator(request), reason="temporary password"
            )
        return response

    @admin.action(description="End all sessions of the selected users")
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ended = 0
        for user in self.changeable(request, queryset):
            ended += user.end_sessions("ended by an operator")
            audit.record(audit.Kind.SESSIONS_ENDED, user=user, actor=operator(request), reason="all sessions")
        self.message_user(request, f"{ended} sessions ended.", messages.SUCCESS)

    @admin.action(description="Deactivate the selected users, and end their sessions")
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        users = [user for user in self.changeable(request, queryset) if user != request.user]
        for user in users:
            user.is_active = False
            user.save(update_fields=["is_active", "updated_at"])
            audit.record(audit.Kind.ACCOUNT_CHANGED, user=user, actor=operator(request), reason="deactivated")
        self.message_user(request, f"{len(users)} users deactivated.", messages.SUCCESS)

    def changeable(self, request: HttpRequest, queryset: QuerySet[User]) -> list[User]:
        return [user for user in queryset if self.has_change_permission(request, user)]
