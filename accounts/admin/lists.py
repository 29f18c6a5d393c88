"""Lists that open at once whatever the size of their table: nothing is counted beyond a thousand, or sorted without an index."""

from collections.abc import Callable
from functools import cached_property, reduce
from operator import or_
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from accounts import policy, user_search
from accounts.admin import badges
from accounts.admin.links import request_url, rows_url
from accounts.models import User

MOST = user_search.MOST


class Many(int):
    """A thousand and more, and says so."""

    def __str__(self) -> str:
        return f"{MOST:,}+"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """The first thousand rows; whether there are others is known, and how many is not."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        rows = self.object_list.order_by()[: MOST + 1].count()
        return Many(MOST) if rows > MOST else rows


class QuickList(ChangeList):
    """Only by what it offers: Django would sort by whatever column stands in the address."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        if not self.sortable_by:
            self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)


class Quick(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base class of every ``ModelAdmin``: a list of many rows, in the order that an index gives.

    Rows that a search found can be sorted by any column. A list accepts the filters that it offers
    and no other parameter: Django's own would look into any column, password hashes included, for
    whoever may see the list. All that is refused gets one answer, and costs no query.
    """

    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False
    empty_value_display = "—"
    show_facets = admin.ShowFacets.NEVER
    sortable_by: ClassVar[Any] = ()

    def accepted(self, request: HttpRequest) -> set[str]:
        """Names of the parameters that may stand in the address of the list."""
        filters = {offered.parameter_name for offered in self.get_list_filter(request)}  # type: ignore[union-attr]
        return {SEARCH_VAR, PAGE_VAR, ORDER_VAR, *filters}

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup in self.accepted(request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Rows are found by their primary key alone; this also closes Django's autocomplete view."""
        return False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """None also for an id with a NUL, which PostgreSQL refuses to compare."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        if not request.GET.keys() <= self.accepted(request):
            raise IncorrectLookupParameters
        return super().get_changelist_instance(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if (
            ERROR_FLAG in request.GET
        ):  # Django leads here from whatever raised IncorrectLookupParameters
            messages.error(request, "This list has no such filter or page. All of it is shown.")
            return redirect(request.path)
        return super().changelist_view(
            request,
            {"title": capfirst(str(self.opts.verbose_name_plural)), **(extra_context or {})},
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return QuickList

    def get_sortable_by(self, request: HttpRequest) -> Any:
        return (
            self.get_list_display(request)
            if request.GET.get(SEARCH_VAR, "").strip()
            else super().get_sortable_by(request)
        )


def ago(field: str, label: str) -> Callable[[Model], str]:
    """A column of times as people say them."""

    @admin.display(description=label, ordering=field)
    def said(row: Model) -> str:
        return badges.when(getattr(row, field))

    return said


class OneOf(admin.SimpleListFilter):
    """A filter with these ``choices``: value → label and condition; several values with commas between select rows of any.

    What it offers costs no query.
    """

    choices_offered: ClassVar[dict[str, tuple[str, Q]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.choices_offered.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.choices_offered.keys() & set((self.value() or "").split(","))
        return (
            queryset.filter(
                reduce(or_, (self.choices_offered[value][1] for value in sorted(chosen)))
            )
            if chosen
            else queryset
        )


class StateFilter(OneOf):
    title, parameter_name = "state", "state"
    choices_offered: ClassVar = {
        "active": ("Active", Q(is_active=True)),
        "deactivated": ("Deactivated", Q(is_active=False)),
        "must_change": ("Must change password", Q(must_change_password=True)),
        "no_password": ("No password yet", Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)),
    }


class RoleFilter(OneOf):
    title, parameter_name = "role", "role"
    choices_offered: ClassVar = {
        "user": ("Users", Q(is_staff=False, is_superuser=False)),
        "admin": ("Admins", Q(is_staff=True, is_superuser=False)),
        "super_admin": ("Super admins", Q(is_superuser=True)),
    }


class LiveFilter(admin.SimpleListFilter):
    """Only what lives: what has ended is most of the rest, and looking for it among the newest could take long."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "Active")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        found: QuerySet[Any] = queryset.live() if self.value() == "live" else queryset
        return found


class ContractFilter(admin.SimpleListFilter):
    """The contracts that are served; Django would ask the table which there are, and read all of it."""

    title, parameter_name = "contract", "contract__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in policy.served_names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset.filter(contract=self.value())
            if self.value() in policy.served_names()
            else queryset
        )


class OfPeople(Quick):
    """Rows that belong to people: found by whatever finds these, or as ``exactly`` says."""

    owner = "user"
    search_fields: ClassVar[Any] = ("owner",)  # or there would be no box
    search_help_text = "Part of a name, user name or e-mail address, or an id"

    def exactly(self, typed: str) -> Q | None:
        """The very rows that are meant by an id, or None: then it is people who are looked for."""
        return None

    def of(self, people: list[int], typed: str) -> Q:
        """The rows of these people, who were found by what was typed."""
        return Q(**{f"{self.owner}__in": people})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        typed = search_term.strip()
        if not typed:
            return queryset, False
        if meant := self.exactly(typed):
            return queryset.filter(meant), False
        found = user_search.find(typed)
        if found.more and request.method == "GET":
            self.message_user(
                request,
                f"These are of the first {MOST:,} people who match. Type more to see others.",
                messages.INFO,
            )
        return queryset.filter(
            self.of(list(found.people.order_by().values_list("pk", flat=True)), typed)
        ), False


class People(Quick):
    """The list of people, and ``find/``, where the box on every page leads: to the person, if there is only one, else to this list."""

    list_display: Any = ("called", "access", "name", "email", ago("last_login", "last login"))
    list_filter: ClassVar[Any] = (StateFilter, RoleFilter)
    search_fields: ClassVar[Any] = ("username",)  # or there would be no box
    search_help_text = "Part of a name, user name or e-mail address (of two letters, the beginning); or the id of an account, session, API key or request"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        if not search_term.strip():
            return queryset, False
        found = user_search.find(search_term, among=queryset)
        if request.method == "GET":
            self.tell(request, search_term, found)
        return found.people if ORDER_VAR not in request.GET else found.people.order_by(
            *queryset.query.order_by
        ), False

    @admin.display(description="user name", ordering="username")
    def called(self, person: User) -> str:
        return str(person.username)

    @admin.display(description="state")
    def access(self, person: User) -> SafeString:
        role = [badges.Badge(badges.ROLES[person.role])] if person.is_admin else []
        return format_html_join(" ", "{}", ((badge,) for badge in (*badges.access(person), *role)))

    def tell(self, request: HttpRequest, typed: str, found: user_search.Found) -> None:
        if found.more:
            self.message_user(
                request,
                f"More than {MOST:,} people match, of whom these are some. Type more to see others.",
                messages.INFO,
            )
        if found.request_id:
            told = format_html(
                'These are the people in the events of request {}. <a href="{}">See what happened there</a>',
                found.request_id,
                request_url(found.request_id),
            )
            self.message_user(request, told, messages.INFO)
        elif (request_id := user_search.looks_like_request(typed)) and not found.people.exists():
            link = format_html(
                'If this is the id of a request: <a href="{}">see what is known of it</a>',
                request_url(request_id),
            )
            self.message_user(request, link, messages.INFO)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("find/", self.admin_site.admin_view(self.find), name="accounts_user_find"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest) -> HttpResponse:
        typed = request.GET.get(SEARCH_VAR, "").strip()
        found = user_search.find(typed)
        people = list(found.people.values_list("pk", flat=True)[:2])
        if request_id := found.request_id or (
            "" if people else user_search.looks_like_request(typed)
        ):
            return redirect(request_url(request_id))
        if len(people) == 1:
            return redirect("admin:accounts_user_change", people[0])
        return redirect(rows_url(User, **{SEARCH_VAR: typed}))
