"""The page of the admin site that shows the report of one request, by the id of its answer."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin import action_registry
from accounts.admin.base import operator
from accounts.audit import event_messages, recent_refusals, request_report
from accounts.audit.request_report import RequestReport
from accounts.models import AuditEvent, User

OFFERED_ACTIONS = ("unlock", "send_reset", "reactivate", "invite")


def response(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Answer with the report of the request whose id is in ``?id=``; 404 if nothing is known."""
    pasted = request.GET.get("id", "").strip()
    request_id = request_report.read_id(pasted)
    report = request_report.find(request_id) if request_id else None
    context |= {
        "title": "Request report",
        "pasted": pasted,
        "request_id": request_id,
        "report": report,
        "events": _with_messages(report.events if report else []),
        "around": _with_messages(report.around if report else []),
        "kept_days": recent_refusals.REFUSAL_LIFETIME.days,
        "actions": offered_actions(operator(request), report) if report else [],
    }
    template, unknown = "admin/accounts/auditevent/request.html", bool(pasted) and report is None
    return TemplateResponse(request, template, context, status=404 if unknown else 200)


def offered_actions(operator: User, report: RequestReport) -> list[action_registry.Button]:
    """Return the actions that may help the user, as far as this operator may carry them out."""
    if report.user is None or not report.message.advice:
        return []
    buttons = {each.name: each for each in action_registry.buttons_for_user(operator, report.user)}
    return [buttons[name] for name in OFFERED_ACTIONS if name in buttons]


def _with_messages(events: list[AuditEvent]) -> list[tuple[AuditEvent, str]]:
    return [(event, event_messages.text(event)) for event in events]
