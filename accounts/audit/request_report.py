"""Request reports: all that is known of one request, found by the id that its answer carried."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts import rate_limits
from accounts.audit import event_messages, reason_messages, recent_refusals, refusal_messages
from accounts.audit.query import EventQuery, find_user, involving
from accounts.audit.recent_refusals import Refusal
from accounts.audit.refusal_messages import RequestMessage
from accounts.durations import minutes_rounded_up
from accounts.models import AuditEvent, Session, User

AROUND = timedelta(minutes=15)
MAX_EVENTS_SHOWN = 25  # of the request; before it; and after it


@dataclass
class RequestReport:
    """A request as far as it is known: its message, its user, and the events around it."""

    request_id: str
    message: RequestMessage
    at: datetime
    address: str | None
    contract: str
    events: list[AuditEvent]
    user: User | None = None
    session: Session | None = None
    around: list[AuditEvent] = field(default_factory=list)

    @property
    def locked_for(self) -> timedelta | None:
        """Return how long the account stays locked from now on."""
        return rate_limits.locked_for(self.user) if self.user else None

    @property
    def locked_minutes(self) -> int:
        return minutes_rounded_up(self.locked_for) if self.locked_for else 0


def read_id(pasted: str) -> str:
    """Return the id in a pasted text, such as a whole header; empty if there is none."""
    found = re.search(
        r"([A-Za-z0-9._-]{1,64})\W*$", re.sub(r"(?i)x-request-id", "", pasted), re.ASCII
    )
    return found[1] if found else ""


def find(request_id: str) -> RequestReport | None:
    """Return the report of a request; None if nothing is known of it."""
    events = list(EventQuery(request_id=request_id).events()[:MAX_EVENTS_SHOWN])[::-1]
    refusal = recent_refusals.recall(request_id)
    if not events and refusal is None:
        return None
    report = _report(request_id, events, refusal)
    report.session = _session(events, refusal)
    report.user = _user(events, refusal, report.session)
    if report.session and report.message.advice:
        text = f"{report.message.text} {session_state(report.session)}".strip()
        report.message = replace(report.message, text=text)
    report.around = _around(report)
    return report


def _report(request_id: str, events: list[AuditEvent], refusal: Refusal | None) -> RequestReport:
    if refusal is None:
        first = events[0]
        message = _message_of_events(events)
        return RequestReport(request_id, message, first.at, first.address, first.contract, events)
    message = refusal_messages.for_refusal(refusal)
    if (event := _refusing_event(events)) and not refusal.ends_at:
        message = replace(refusal_messages.for_event(event), answer=message.answer)
    at, address, contract = refusal.at, refusal.address, refusal.contract
    return RequestReport(request_id, message, at, address, contract, events)


def _refusing_event(events: list[AuditEvent]) -> AuditEvent | None:
    """Return the event that says why the request was refused."""
    return next((event for event in events if event.kind in refusal_messages.ANSWERS), None)


def _message_of_events(events: list[AuditEvent]) -> RequestMessage:
    if event := _refusing_event(events):
        return refusal_messages.for_event(event)
    last = event_messages.text(events[-1])
    return RequestMessage(f"As far as is known this request was not refused. {last}")


def _session(events: list[AuditEvent], refusal: Refusal | None) -> Session | None:
    ids = [str(event.session) for event in events if event.session]
    wanted = next(iter(ids), refusal.session if refusal else "")
    return Session.objects.select_related("user").filter(pk=wanted).first() if wanted else None


def _user(
    events: list[AuditEvent], refusal: Refusal | None, session: Session | None
) -> User | None:
    users = [event.user for event in events if event.user]
    if users or session:
        return users[0] if users else session.user if session else None
    name = next((event.name for event in events if event.name), refusal.name if refusal else "")
    return find_user(name) if name else None


def session_state(session: Session) -> str:
    """Return a sentence that says why a session is not active; empty while it is."""
    owner = session.user.username
    its = f"It is the session of {owner},"
    if session.revoked_at:
        reason = reason_messages.text(session.revoked_reason, {})
        return f"{its} ended at {session.revoked_at:%Y-%m-%d %H:%M} UTC: {reason}."
    if not Session.objects.live().filter(pk=session.pk).exists():
        return f"{its} which expired at {session.expires_at:%Y-%m-%d %H:%M} UTC."
    return "" if session.user.is_active else f"The account {owner} is deactivated."


def _around(report: RequestReport) -> list[AuditEvent]:
    """Return the events of the same user or address around the request, newest first."""
    same = Q()
    if report.user:
        same |= involving(report.user, report.user.username)
    if report.address:
        same |= Q(address=report.address)
    if not same:
        return []
    near: QuerySet[AuditEvent] = (
        AuditEvent.objects.filter(same)
        .exclude(request_id=report.request_id)
        .select_related("user", "actor")
    )
    before = near.filter(at__gt=report.at - AROUND, at__lte=report.at).order_by("-at", "-pk")
    after = near.filter(at__gt=report.at, at__lt=report.at + AROUND).order_by("at", "pk")
    return [*reversed(after[:MAX_EVENTS_SHOWN]), *before[:MAX_EVENTS_SHOWN]]
