"""Filters of lists that dashboards and users' pages link to."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

from accounts.admin.action_registry import is_id
from accounts.models import User


class OwnerFilter(admin.SimpleListFilter):
    """Rows of one user, by primary key. Offered only while it is in use."""

    title, parameter_name, owner = "account", "user__id__exact", "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        if value is None:
            return []
        if not is_id(value, User):
            raise IncorrectLookupParameters
        return [
            (
                value,
                User.objects.filter(pk=value).values_list("username", flat=True).first()
                or f"number {value}",
            )
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset.filter(**{self.owner: self.value()}) if self.value() else queryset


class PeriodFilter(admin.SimpleListFilter):
    """Rows with a time in an interval of ISO 8601, ``start/end``. Offered only while it is in use."""

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
        return self.moment(start), self.moment(end)

    def moment(self, value: str) -> datetime:
        """A time with an offset, in UTC: the first and the last of all days have none there at some offsets."""
        try:
            found = parse_datetime(value)
            if found and found.tzinfo:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise IncorrectLookupParameters
