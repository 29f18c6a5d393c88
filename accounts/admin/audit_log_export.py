"""The page of the admin site that exports the audit log."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.timezone import now

from accounts.admin.audit_log_filter import AuditLogForm
from accounts.admin.downloads import ExportForm, download, joined
from accounts.admin.links import events_url
from accounts.admin.reauthentication import ReauthenticatedFormView
from accounts.audit import audit_log
from accounts.audit.export import FORMATS
from accounts.audit.query import EventQuery, find_user, in_batches
from accounts.audit.reasons import Reason


class AuditLogExportView(ReauthenticatedFormView):
    """Events that the filter in the address selects, as a file that is streamed as it is read."""

    template_name = "admin/accounts/auditevent/export.html"
    form_class = ExportForm
    title = "Export the audit log"
    filter: AuditLogForm
    query: EventQuery

    def prepare(self) -> HttpResponseBase | None:
        self.filter = AuditLogForm(self.request.GET)
        query = self.filter.event_query()
        if query is None:
            return redirect(events_url(**self.filter.given))
        self.query = query
        return None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(asked=self.filter, page="Export", **kwargs)

    def form_valid(self, form: ExportForm) -> HttpResponseBase:  # type: ignore[override]
        at, file_format = now(), form.cleaned_data["form"]
        self.record(form)
        events = in_batches(self.query.events().filter(at__lte=at))
        return download(
            StreamingHttpResponse(joined(FORMATS[file_format](events))),
            f"events-{at:%Y%m%dT%H%M%SZ}.{file_format}",
        )

    def record(self, form: ExportForm) -> None:
        """Write the audit event of the export, before its first line is sent.

        It is an event about the user of the filter, so that their erasure reaches it too.
        """
        identifier = self.query.identifier
        audit_log.record(
            audit_log.Kind.EXPORTED,
            user=find_user(identifier) if identifier else None,
            actor=self.operator,
            name="events",
            reason=Reason.EXPORT,
            data={
                "filter": urlencode(self.filter.given) or "all",
                "format": form.cleaned_data["form"],
            },
            note=form.cleaned_data["reason"],
        )
