"""What the pages of the admin site share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest

from accounts.admin.lists import Quick
from accounts.errors import NotPermitted
from accounts.models import User
from accounts.operators import permissions


def operator(request: HttpRequest) -> User:
    return cast("User", request.user)


@contextmanager
def permitted() -> Iterator[None]:
    """What the core does not let this operator do is a 403."""
    try:
        yield
    except NotPermitted as refusal:
        raise PermissionDenied from refusal


class Readable(Quick):
    """Rows that are looked at here, and made elsewhere."""

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


class SuperAdmins(Readable):
    """Rows for super admins alone."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return permissions.is_super_admin(operator(request))
