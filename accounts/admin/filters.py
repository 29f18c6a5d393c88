"""Filters of lists. Each offers a fixed choice, so that it costs no query."""

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from accounts import policy
from accounts.admin.action_registry import is_id
from accounts.models import User


class ChoiceFilter(admin.SimpleListFilter):
    """A filter with ``conditions``: value → label and condition.

    Several values with commas between select the rows of any of them.
    """

    conditions: ClassVar[dict[str, tuple[str, Q]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.conditions.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.conditions.keys() & set((self.value() or "").split(","))
        if not chosen:
            return queryset
        return queryset.filter(reduce(or_, (self.conditions[value][1] for value in sorted(chosen))))


class StateFilter(ChoiceFilter):
    """Users by state."""

    title, parameter_name = "state", "state"
    conditions: ClassVar = {
        "active": ("Active", Q(is_active=True)),
        "deactivated": ("Deactivated", Q(is_active=False)),
        "must_change": ("Must change password", Q(must_change_password=True)),
        "no_password": ("No password yet", Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)),
    }


class RoleFilter(ChoiceFilter):
    """Users by role."""

    title, parameter_name = "role", "role"
    conditions: ClassVar = {
        "user": ("Users", Q(is_staff=False, is_superuser=False)),
        "admin": ("Admins", Q(is_staff=True, is_superuser=False)),
        "super_admin": ("Super admins", Q(is_superuser=True)),
    }


class ActiveFilter(admin.SimpleListFilter):
    """Active rows. There is no filter for ended ones: most are, and the newest may not be."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Active")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        found: QuerySet[Any] = queryset.live() if self.value() == "live" else queryset
        return found


class ContractFilter(admin.SimpleListFilter):
    """Rows by contract that is served; Django would read the whole table for its contracts."""

    title, parameter_name = "contract", "contract__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in policy.served_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in policy.served_names():
            return queryset
        return queryset.filter(contract=self.value())


class OwnerFilter(admin.SimpleListFilter):
    """Rows of one user, by primary key. Offered only while it is in use."""

    title, parameter_name, owner = "account", "user__id__exact", "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        if value is None:
            return []
        if not is_id(value, User):
            raise IncorrectLookupParameters
        username = User.objects.filter(pk=value).values_list("username", flat=True).first()
        return [(value, username or f"number {value}")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(**{self.owner: self.value()}) if self.value() else queryset


class PeriodFilter(admin.SimpleListFilter):
    """Rows with a time in an interval of ISO 8601, ``start/end``. Offered only while in use."""

    title, parameter_name, field = "time", "period", ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        if value is None:
            return []
        start, end = self.period(value)
        return [(value, f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        if (value := self.value()) is None:
            return queryset
        start, end = self.period(value)
        return queryset.filter(**{f"{self.field}__gte": start, f"{self.field}__lt": end})

    def period(self, value: str) -> tuple[datetime, datetime]:
        start, _, end = value.partition("/")
        return self.time(start), self.time(end)

    def time(self, value: str) -> datetime:
        """Return a time with an offset, in UTC; at some offsets the first and last day has none."""
        try:
            found = parse_datetime(value)
            if found and found.tzinfo:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise IncorrectLookupParameters
