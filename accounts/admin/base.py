"""Permissions that pages of the admin site share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin.lists import BaseAdmin
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import NotPermitted
from accounts.models import User
from accounts.operators import permissions


def operator(request: HttpRequest) -> User:
    return cast("User", request.user)


@contextmanager
def permitted() -> Iterator[None]:
    """Turn a `NotPermitted` of the core into a 403."""
    try:
        yield
    except NotPermitted as refusal:
        raise PermissionDenied from refusal


def record_refusal(request: HttpRequest, action: str, user: User | None = None) -> None:
    """Write the audit event of an operator who tried what their role does not allow."""
    audit_log.record(
        audit_log.Kind.ACTION_REFUSED,
        user=user,
        actor=operator(request),
        reason=Reason.NOT_PERMITTED,
        data={"act": action},
    )


class ReadOnlyAdmin(BaseAdmin):
    """Rows that operators can only look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return permissions.is_operator(operator(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


class SuperAdminsOnly(ReadOnlyAdmin):
    """Rows that only super admins can look at."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return permissions.is_super_admin(operator(request))
