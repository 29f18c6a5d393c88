"""Users in the admin site: the list, their pages, and the form of a new one."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminRadioSelect
from django.contrib.auth import admin as registers_groups  # noqa: F401
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse

from accounts.admin import exports, imports
from accounts.admin.action_admin import ActionAdmin
from accounts.admin.action_view import ActionView
from accounts.admin.base import operator, record_refusal
from accounts.admin.user_detail import UserDetailAdmin
from accounts.admin.user_list import UserListAdmin
from accounts.errors import NotPermitted
from accounts.models import User
from accounts.operators import permissions, user_management
from accounts.operators.user_fields import EDITABLE_FIELDS, IDENTIFIERS

admin.site.unregister(Group)  # roles are two flags

NEW_USER_FIELDS = (*IDENTIFIERS, *EDITABLE_FIELDS)
INVITE, TEMPORARY = "invite", "temporary"


class NewUserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new account: an invitation to choose a password by mail, or a temporary password."""

    first_password = forms.ChoiceField(
        choices=[
            (INVITE, "Invite: mail a link to choose one"),
            (TEMPORARY, "Temporary password: shown to you once, replaced at the first login"),
        ],
        widget=AdminRadioSelect(attrs={"class": "radiolist"}),
        initial=INVITE,
    )

    class Meta:
        model = User
        fields = NEW_USER_FIELDS
        labels: ClassVar = {"username": "User name"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.EMAILS_ENABLED:
            self.fields["first_password"].initial = TEMPORARY
            self.fields[
                "first_password"
            ].help_text = "This service sends no mail, so no user can be invited."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("first_password") != INVITE:
            return cleaned
        if not settings.EMAILS_ENABLED:
            self.add_error(
                "first_password", "This service sends no mail. Choose a temporary password."
            )
        elif not cleaned.get("email") and "email" not in self.errors:
            self.add_error("email", "An invitation needs an address to go to.")
        return cleaned


@admin.register(User)
class UserAdmin(ActionAdmin, UserListAdmin, UserDetailAdmin):
    """Users: admins edit profiles of users, super admins also of admins; actions do the rest."""

    ordering = ("username",)
    readonly_fields = ("uuid", "last_login", "created_at", "updated_at")
    fieldsets = (("Profile", {"fields": EDITABLE_FIELDS}),)
    add_fieldsets = ((None, {"fields": (*NEW_USER_FIELDS, "first_password")}),)

    # Permissions

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return permissions.is_operator(operator(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return permissions.is_operator(operator(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (
            permissions.is_operator(operator(request))
            if obj is None
            else permissions.may_edit(operator(request), obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Accounts are deactivated or erased instead: the audit log refers to them."""
        return False

    # Forms

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs |= {"form": NewUserForm, "fields": NEW_USER_FIELDS}
        return super().get_form(request, obj, change, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Record a refusal here: the transaction of the form would have undone it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (NotPermitted, PermissionDenied) as refusal:
            if request.method == "POST":
                user = self.get_object(request, object_id) if object_id else None
                record_refusal(request, "edit" if object_id else "create", user)
            raise PermissionDenied from refusal
        except IntegrityError:
            messages.error(
                request, "This name or address was taken a moment ago. Nothing was saved."
            )
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            user_management.edit(obj, operator=operator(request), changed=form.changed_data)
        elif form.cleaned_data["first_password"] == INVITE:
            user_management.invite(obj, operator=operator(request))
        else:
            obj.shown_once = user_management.create_with_temporary_password(
                obj, operator=operator(request)
            )

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        if secret := getattr(obj, "shown_once", ""):
            return ActionView.show_secret(self, request, obj, secret)
        messages.success(request, f"{obj} was added. An invitation is on its way to {obj.email}.")
        return redirect("admin:accounts_user_change", obj.pk)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        one_button = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, one_button | (extra_context or {}))

    # Instead of pages and records of Django

    def get_urls(self) -> list[URLPattern]:
        old = self.admin_site.admin_view(self.old_password_page)
        return [
            path("<int:pk>/password/", old, name="auth_user_password_change"),
            *imports.urls(self),
            *exports.urls(self),
            *super().get_urls(),
        ]

    def old_password_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        return redirect(
            f"{reverse('admin:accounts_user_action', args=['temporary_password'])}?ids={pk}"
        )

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Keep no log of Django's own: the audit log has all that happened to a user."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Keep no log of Django's own for changes, either."""
