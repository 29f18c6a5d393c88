"""The audit log in the admin site: the list of events, and the page of one."""

from datetime import UTC
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from accounts.admin import request_report_view
from accounts.admin.audit_log_export import AuditLogExportView
from accounts.admin.audit_log_filter import AuditLogForm
from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.links import events_url, request_url
from accounts.audit import event_messages
from accounts.audit.query import older_than
from accounts.models import AuditEvent


class AuditLogList(ChangeList):
    """A list that is filtered by its form, and paged by the last event of a page.

    Nothing is counted, and every page costs the same.
    """

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[AuditEvent]:
        # Django's templates read these, which its own filters would set.
        self.filter_specs, self.has_filters, self.has_active_filters = [], False, False
        self.clear_all_filters_qs = "?"
        self.form = AuditLogForm(request.GET)
        self.before = request.GET.get("before", "")
        query = self.form.event_query()
        events = query.events() if query else AuditEvent.objects.none()
        return older_than(last, events) if (last := self.last_of_page_before()) else events

    def last_of_page_before(self) -> AuditEvent | None:
        if not self.before.isdecimal() or len(self.before) > 18:
            return None
        return AuditEvent.objects.filter(pk=int(self.before)).first()

    def get_results(self, request: HttpRequest) -> None:
        rows = list(self.queryset[: self.list_per_page + 1])
        self.result_list = rows[: self.list_per_page]
        self.result_count, self.full_result_count = len(self.result_list), None
        self.show_full_result_count = False
        self.show_admin_actions = self.can_show_all = self.multi_page = False
        self.older = self.newest = ""
        if len(rows) > self.list_per_page:
            self.older = f"?{urlencode(self.form.given | {'before': self.result_list[-1].pk})}"
        if self.before:
            self.newest = f"?{urlencode(self.form.given)}"


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Audit events, which nobody changes."""

    list_display = ("when", "message", "account", "contract", "address_link", "request_link")
    list_display_links = ("when",)
    list_per_page = 50
    fields = (
        "message",
        "when",
        "kind",
        "name",
        "account",
        "operator",
        "reason",
        "data",
        "note",
        "contract",
        "address_link",
        "session",
        "request_link",
    )
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AuditLogList

    def accepted(self, request: HttpRequest) -> set[str]:
        return {*AuditLogForm.base_fields, "before"}

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        return super().get_queryset(request).select_related("user", "actor")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        export = AuditLogExportView.as_view(model_admin=self)
        return [
            path("request/", wrap(self.request_report), name="accounts_auditevent_request"),
            path("export/", wrap(export), name="accounts_auditevent_export"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return super().changelist_view(request, {"title": "Audit log"} | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        context = {"title": "Audit event", "subtitle": None} | (extra_context or {})
        return super().change_view(request, object_id, form_url, context)

    def request_report(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {"opts": self.opts}
        return request_report_view.response(request, context)

    # Columns

    @admin.display(description="when (UTC)")
    def when(self, event: AuditEvent) -> str:
        return f"{event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="event")
    def message(self, event: AuditEvent) -> str:
        return event_messages.text(event)

    @admin.display(description="account")
    def account(self, event: AuditEvent) -> str:
        return _user_link(event.user) if event.user else "—"

    @admin.display(description="operator")
    def operator(self, event: AuditEvent) -> str:
        return _user_link(event.actor) if event.actor else "—"

    @admin.display(description="address")
    def address_link(self, event: AuditEvent) -> str:
        return _link(events_url(address=event.address), event.address) if event.address else "—"

    @admin.display(description="request")
    def request_link(self, event: AuditEvent) -> str:
        return _link(request_url(event.request_id), event.request_id) if event.request_id else "—"


def _user_link(user: Model) -> str:
    return _link(reverse("admin:accounts_user_change", args=[user.pk]), str(user))


def _link(url: str, text: str) -> str:
    return format_html('<a href="{}">{}</a>', url, text)
