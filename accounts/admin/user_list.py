"""The list of users, and the search box of every page."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts import user_search
from accounts.admin import badges
from accounts.admin.filters import RoleFilter, StateFilter
from accounts.admin.links import request_url, rows_url
from accounts.admin.lists import MAX_COUNT, BaseAdmin, time_column
from accounts.models import User


class UserListAdmin(BaseAdmin):
    """The list of users, and ``find/``, to which the search box of every page leads.

    A search that finds one user leads to their page, and else to this list.
    """

    list_display: Any = (
        "user_name",
        "access",
        "name",
        "email",
        time_column("last_login", "last login"),
    )
    list_filter: ClassVar[Any] = (StateFilter, RoleFilter)
    search_fields: ClassVar[Any] = ("username",)  # without one Django shows no box

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        things = ", ".join(finder.noun for finder in user_search.finders)
        return (
            "Part of a name, user name or e-mail address (of two letters, the beginning); "
            f"or the id of an {things} or request"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        if not search_term.strip():
            return queryset, False
        found = user_search.find(search_term, among=queryset)
        if request.method == "GET":
            self.tell(request, search_term, found)
        if ORDER_VAR in request.GET:
            return found.users.order_by(*queryset.query.order_by), False
        return found.users, False

    @admin.display(description="user name", ordering="username")
    def user_name(self, user: User) -> str:
        return str(user.username)

    @admin.display(description="state")
    def access(self, user: User) -> SafeString:
        role = [badges.Badge(badges.ROLES[user.role])] if user.is_admin else []
        return format_html_join(" ", "{}", ((badge,) for badge in (*badges.access(user), *role)))

    def tell(self, request: HttpRequest, query: str, found: user_search.Found) -> None:
        """Say above the list that there are more matches, or that the query is a request's id."""
        if found.more:
            text = f"More than {MAX_COUNT:,} users match; some are shown. Type more to see others."
            self.message_user(request, text, messages.INFO)
        if found.request_id:
            link = format_html(
                "These are the users in the events of request {}. "
                '<a href="{}">Open the request report</a>',
                found.request_id,
                request_url(found.request_id),
            )
            self.message_user(request, link, messages.INFO)
        elif (request_id := user_search.likely_request_id(query)) and not found.users.exists():
            link = format_html(
                'If this is the id of a request: <a href="{}">open the request report</a>',
                request_url(request_id),
            )
            self.message_user(request, link, messages.INFO)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("find/", self.admin_site.admin_view(self.find), name="accounts_user_find"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest) -> HttpResponse:
        query = request.GET.get(SEARCH_VAR, "").strip()
        found = user_search.find(query)
        users = list(found.users.values_list("pk", flat=True)[:2])
        likely = "" if users else user_search.likely_request_id(query)
        if request_id := found.request_id or likely:
            return redirect(request_url(request_id))
        if len(users) == 1:
            return redirect("admin:accounts_user_change", users[0])
        return redirect(rows_url(User, **{SEARCH_VAR: query}))
