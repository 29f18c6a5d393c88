"""Model admins whose rows have actions: one row from its page, many from the list."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path

from accounts.admin import action_registry
from accounts.admin.action_registry import AdminAction
from accounts.admin.action_view import ActionView
from accounts.admin.base import operator
from accounts.admin.links import events_url
from accounts.operators import permissions


class ActionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Offer the registered actions in the list, and serve their pages.

    A page is `action/<name>/?ids=1,2`; it asks for confirmation first.
    """

    def get_urls(self) -> list[URLPattern]:
        meta = self.model._meta
        view = self.admin_site.admin_view(ActionView.as_view(model_admin=self))
        return [
            path("action/<slug:name>/", view, name=f"{meta.app_label}_{meta.model_name}_action"),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        super_admin = permissions.is_super_admin(operator(request))
        return super().get_actions(request) | {
            each.name: (partial(begin, each), each.name, f"{each.label}…")
            for each in action_registry.for_model(self.model)
            if super_admin or not each.action.for_super_admins
        }

    def response_action(  # type: ignore[override]  # the stubs lag behind Django
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        if not all(
            action_registry.is_id(pk, self.model)
            for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)
        ):
            messages.error(request, "What was ticked could not be read. Nothing was done.")
            return redirect(request.get_full_path())
        return super().response_action(request, queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the audit log, which takes the place of Django's own log of forms."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404("no such row")
        return redirect(events_url(**self.event_filters(row)))

    def event_filters(self, row: Any) -> dict[str, Any]:
        """Return the filter of the audit log that selects the events about a row."""
        user = action_registry.for_model(self.model)[0].user_of(row)
        return {"user": user.pk} if user else {"request_id": row.request_id}


class ActionDetailAdmin(ActionAdmin):
    """Also offer the actions on the page of a single row."""

    change_form_template = "admin/actions/row.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["buttons"] = action_registry.buttons_for_row(
            operator(request), kwargs["obj"], back=request.path
        )
        return super().render_change_form(request, context, *args, **kwargs)


def begin(
    action: AdminAction, model_admin: ActionAdmin, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponseBase:
    """Show the confirmation for the rows ticked in a list, or for all that match."""
    ids = [
        str(pk) for pk in queryset.order_by().values_list("pk", flat=True)[: action.max_rows + 1]
    ]
    if len(ids) > action.max_rows:
        messages.error(request, action.too_many)
        return redirect(request.get_full_path())
    return ActionView.begin(model_admin, request, action.name, ids)
