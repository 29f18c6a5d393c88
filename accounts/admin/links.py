"""Links to the admin site's lists and pages."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from accounts.models import AuditEvent


@dataclass(frozen=True)
class LinkedCount:
    """A number of rows that links to their list, unless it is 0."""

    count: int
    url: str

    @property
    def text(self) -> str:
        return f"{self.count:,}"

    def __str__(self) -> str:
        if not self.url or not self.count:
            return self.text
        return format_html('<a href="{}">{}</a>', self.url, self.text)


def rows_url(model: type[Model], **filters: str | int | None) -> str:
    """Return the address of a model's list with these filters, except those that are None."""
    listed = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    chosen = urlencode({field: value for field, value in filters.items() if value is not None})
    return f"{listed}?{chosen}" if chosen else listed


def events_url(**filters: str | int | None) -> str:
    """Return the address of the audit log: ``events_url(user=alice.pk, kind="login_failed")``."""
    return rows_url(AuditEvent, **filters)


def request_url(request_id: str) -> str:
    """Return the address of the report of one request."""
    return f"{reverse('admin:accounts_auditevent_request')}?{urlencode({'id': request_id})}"


def iso(at: datetime) -> str:
    """Return a time in UTC as filters take it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
