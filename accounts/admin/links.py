"""Where rows are shown."""

from django.db.models import Model
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import AuditEvent


def rows_url(model: type[Model], **filters: str | int | None) -> str:
    """The list of a model, with these filters; those that are None are none."""
    listed = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    chosen = urlencode({field: value for field, value in filters.items() if value is not None})
    return f"{listed}?{chosen}" if chosen else listed


def events_url(**filters: str | int | None) -> str:
    """The audit log, filtered: ``events_url(user=alice.pk, kind="login_failed")``."""
    return rows_url(AuditEvent, **filters)


def request_url(request_id: str) -> str:
    """Where one request is explained, with the events around it."""
    return f"{reverse('admin:accounts_auditevent_request')}?{urlencode({'id': request_id})}"
