"""The operators' room: people, their sessions, and what happened."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, BaseUserCreationForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts import audit, limits, passwords
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.models import AuditEvent, OutgoingMail, Session, SigningKey, User

admin.site.unregister(Group)
admin.site.site_header = admin.site.site_title = "authsvc"
admin.site.index_title = "Accounts and sessions"


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


admin.site.login_form = LoginForm


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


def operator(request: HttpRequest) -> User:
    return cast("User", request.user)


class Readable(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are looked at here, and made elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


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


@admin.register(Session)
class SessionAdmin(Readable):
    list_display = ("user", "contract", "created_at", "last_used_at", "expires_at", "address", "state")
    list_select_related = ("user",)
    list_filter = ("contract", "created_at")
    search_fields = ("=id", "user__username", "user__email")
    ordering = ("-created_at",)
    show_full_result_count = False
    exclude = ("refresh_jti", "previous_jti")
    actions = ("end",)

    @admin.display(description="state")
    def state(self, session: Session) -> str:
        return session.revoked_why or "live or expired"

    @admin.action(description="End the selected sessions", permissions=["view"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        allowed = queryset if request.user.is_superuser else queryset.filter(user__is_staff=False, user__is_superuser=False)
        ended = 0
        for session in allowed.select_related("user"):
            if Session.objects.filter(pk=session.pk).revoke("ended by an operator"):
                audit.record(audit.Kind.SESSIONS_ENDED, user=session.user, actor=operator(request), session=session.pk)
                ended += 1
        self.message_user(request, f"{ended} sessions ended.", messages.SUCCESS)


@admin.register(AuditEvent)
class AuditEventAdmin(Readable):
    list_display = ("at", "kind", "name", "reason", "contract", "address", "request_id", "actor")
    list_select_related = ("actor",)
    list_filter = ("kind", "contract", "at")
    search_fields = ("name", "=request_id", "=session")
    ordering = ("-at",)
    show_full_result_count = False


@admin.register(OutgoingMail)
class OutgoingMailAdmin(Readable):
    list_display = ("created_at", "kind", "typed", "recipient", "fate", "tries", "error", "next_try_at", "closed_at")
    list_filter = ("fate", "kind", "created_at")
    search_fields = ("typed", "recipient", "=request_id")
    ordering = ("-created_at",)
    show_full_result_count = False
    actions = ("send_again",)

    @admin.action(description="Send again what was given up", permissions=["view"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        waiting = OutgoingMail.objects.filter(pk__in=queryset.values("pk")).send_again()
        self.message_user(request, f"{waiting} mails will be sent again.", messages.SUCCESS)


@admin.register(SigningKey)
class SigningKeyAdmin(Readable):
    list_display = ("kid", "algorithm", "use", "created_at", "retires_at")
    ordering = ("created_at",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)
