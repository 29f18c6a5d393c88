"""Rows of the admin that are acted on: one from its page, some from the list."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from accounts.admin import action_registry
from accounts.admin.action_view import ActPage
from accounts.admin.base import operator
from accounts.admin.links import events_url
from accounts.operators import permissions


class Acting(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are acted on: for some of the list, and at ``act/<name>/?ids=1,2``. Each act has its page, which asks first."""

    def get_urls(self) -> list[URLPattern]:
        meta = self.model._meta
        view = self.admin_site.admin_view(ActPage.as_view(model_admin=self))
        return [
            path("act/<slug:name>/", view, name=f"{meta.app_label}_{meta.model_name}_act"),
            *super().get_urls(),
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        runs = permissions.is_super_admin(operator(request))
        ours = [
            offer
            for offer in action_registry.on(self.model)
            if runs or not offer.act.for_super_admins
        ]
        return super().get_actions(request) | {
            offer.name: (partial(choose, offer), offer.name, f"{offer.label}…") for offer in ours
        }

    def response_action(  # type: ignore[override]  # the stubs know of options that Django 5.2 does not
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
        """What happened is told by the audit log, and not by Django's own log of what was typed into forms."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404("no such row")
        return redirect(events_url(**self.event_filters(row)))

    def event_filters(self, row: Any) -> dict[str, Any]:
        """Which events of the audit log are about this row."""
        person = action_registry.on(self.model)[0].person(row)
        return {"user": person.pk} if person else {"request_id": row.request_id}


class ActingPage(Acting):
    """Also a page of each row that offers what can be done to it."""

    change_form_template = "admin/actions/row.html"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context |= {
            "buttons": action_registry.offered_on(
                operator(request), kwargs["obj"], back=request.path
            )
        }
        return super().render_change_form(request, context, *args, **kwargs)


def choose(
    offer: action_registry.Offer, model_admin: Acting, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse:
    """From the rows that were ticked in the list, or all that match, to the page that asks."""
    ids = [str(pk) for pk in queryset.order_by().values_list("pk", flat=True)[: offer.most + 1]]
    if len(ids) > offer.most:
        messages.error(request, action_registry.too_many(offer))
        return redirect(request.get_full_path())
    return ActPage.begin(model_admin, request, offer.name, ids)
