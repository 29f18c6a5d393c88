"""Lists that open at once, whatever the size of their table.

Nothing is counted beyond a thousand rows, or sorted without an index.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst

from accounts import user_search
from accounts.admin import badges

MAX_COUNT = user_search.MAX_MATCHES


class CappedCount(int):
    """A count of rows that stopped at ``MAX_COUNT``; its text says so."""

    def __str__(self) -> str:
        return f"{MAX_COUNT:,}+"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first thousand rows; the number of others is not counted."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        rows = self.object_list.order_by()[: MAX_COUNT + 1].count()
        return CappedCount(MAX_COUNT) if rows > MAX_COUNT else rows


class BaseChangeList(ChangeList):
    """A list that is sorted only by columns that it offers, not by any column in the address."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if not self.sortable_by:
            self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)


class BaseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base class of every ``ModelAdmin``: a list of many rows, in the order that an index gives.

    Rows that a search found can be sorted by any column. A list accepts the filters that it offers
    and no other parameter: Django's own would look into any column, password hashes included, for
    every operator who may see the list. All that is refused gets one answer, and costs no query.
    """

    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False
    empty_value_display = "—"
    show_facets = admin.ShowFacets.NEVER
    sortable_by: ClassVar[Any] = ()

    def accepted(self, request: HttpRequest) -> set[str]:
        """Return the names of the parameters that the list's address may have."""
        offered: Any = self.get_list_filter(request)
        filters = {each.parameter_name for each in offered}
        return {SEARCH_VAR, PAGE_VAR, ORDER_VAR, *filters}

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in self.accepted(request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Refuse every column but the primary key; this also closes Django's autocomplete view."""
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return None also for an id with a NUL, which PostgreSQL refuses to compare."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        if not request.GET.keys() <= self.accepted(request):
            raise IncorrectLookupParameters
        return super().get_changelist_instance(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django redirects here after IncorrectLookupParameters.
        if ERROR_FLAG in request.GET:
            messages.error(request, "This list has no such filter or page. All of it is shown.")
            return redirect(request.path)
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BaseChangeList

    def get_sortable_by(self, request: HttpRequest) -> Any:
        if request.GET.get(SEARCH_VAR, "").strip():
            return self.get_list_display(request)
        return super().get_sortable_by(request)


def time_column(field: str, label: str) -> Callable[[Model], str]:
    """Return a column of times, each as the time since then or until then."""

    @admin.display(description=label, ordering=field)
    def column(row: Model) -> str:
        return badges.relative_time(getattr(row, field))

    return column


class OwnedRowsAdmin(BaseAdmin):
    """A list of rows that belong to users: a search finds the rows of the users whom it finds."""

    owner = "user"
    search_fields: ClassVar[Any] = ("owner",)  # without one Django shows no box
    search_help_text = "Part of a name, user name or e-mail address, or an id"

    def by_id(self, query: str) -> Q | None:
        """Return the condition of the rows with this id; None if it is not the id of a row."""
        return None

    def owned_by(self, users: list[int], query: str) -> Q:
        """Return the condition of the rows of these users, whom the query found."""
        return Q(**{f"{self.owner}__in": users})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        query = search_term.strip()
        if not query:
            return queryset, False
        if condition := self.by_id(query):
            return queryset.filter(condition), False
        found = user_search.find(query)
        if found.more and request.method == "GET":
            text = f"These are of the first {MAX_COUNT:,} users who match. Type more to see others."
            self.message_user(request, text, messages.INFO)
        users = list(found.users.order_by().values_list("pk", flat=True))
        return queryset.filter(self.owned_by(users, query)), False
