"""What became of one request, told by the id that its answer carried."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts import rate_limits
from accounts.audit import messages as audit_messages
from accounts.audit import query as audit_query
from accounts.audit import reason_messages, recent_refusals
from accounts.audit.messages import Explanation
from accounts.audit.recent_refusals import Refusal
from accounts.models import AuditEvent, Session, User

AROUND = timedelta(minutes=15)
MOST = 25  # events before, and as many after


@dataclass
class Complaint:
    """A request as far as it is known: its explanation, whom it was about, and what happened around it."""

    request_id: str
    explanation: Explanation
    at: datetime
    address: str | None
    contract: str
    events: list[AuditEvent]
    person: User | None = None
    session: Session | None = None
    around: list[AuditEvent] = field(default_factory=list)

    @property
    def locked_for(self) -> timedelta | None:
        """How long the person stays locked from now on."""
        return rate_limits.locked_for(self.person) if self.person else None

    @property
    def locked_minutes(self) -> int:
        return -(-int(self.locked_for.total_seconds()) // 60) if self.locked_for else 0


def read_id(pasted: str) -> str:
    """The id in what was pasted, such as a whole header; empty where there is none."""
    found = re.search(
        r"([A-Za-z0-9._-]{1,64})\W*$", re.sub(r"(?i)x-request-id", "", pasted), re.ASCII
    )
    return found[1] if found else ""


def look_into(request_id: str) -> Complaint | None:
    """None for a request of which nothing is known."""
    events = list(audit_query.Selection(request_id=request_id).events()[:MOST])[::-1]
    refusal = recent_refusals.recall(request_id)
    if not events and refusal is None:
        return None
    complaint = _complaint(request_id, events, refusal)
    complaint.session = _session(events, refusal)
    complaint.person = _person(events, refusal, complaint.session)
    if complaint.session and complaint.explanation.advice:
        story = session_story(complaint.session)
        complaint.explanation = replace(
            complaint.explanation, sentence=f"{complaint.explanation.sentence} {story}".strip()
        )
    complaint.around = _around(complaint)
    return complaint


def _complaint(request_id: str, events: list[AuditEvent], refusal: Refusal | None) -> Complaint:
    if refusal is None:
        first = events[0]
        return Complaint(
            request_id, _told_by(events), first.at, first.address, first.contract, events
        )
    told = audit_messages.of_refusal(refusal)
    if (telling := _telling(events)) and not refusal.ends_at:
        told = replace(audit_messages.of_event(telling), told=told.told)
    return Complaint(request_id, told, refusal.at, refusal.address, refusal.contract, events)


def _telling(events: list[AuditEvent]) -> AuditEvent | None:
    """The event that says why a request was refused."""
    return next((event for event in events if event.kind in audit_messages.TOLD), None)


def _told_by(events: list[AuditEvent]) -> Explanation:
    if telling := _telling(events):
        return audit_messages.of_event(telling)
    return Explanation(
        f"As far as is known this request was not refused. {audit_messages.sentence(events[-1])}"
    )


def _session(events: list[AuditEvent], refusal: Refusal | None) -> Session | None:
    ids = [str(event.session) for event in events if event.session]
    wanted = next(iter(ids), refusal.session if refusal else "")
    return Session.objects.select_related("user").filter(pk=wanted).first() if wanted else None


def _person(
    events: list[AuditEvent], refusal: Refusal | None, session: Session | None
) -> User | None:
    people = [event.user for event in events if event.user]
    if people or session:
        return people[0] if people else session.user if session else None
    name = next((event.name for event in events if event.name), refusal.name if refusal else "")
    return audit_query.find_person(name) if name else None


def session_story(session: Session) -> str:
    """How a session ended; empty while it lives."""
    owner = session.user.username
    if session.revoked_at:
        return f"It is the session of {owner}, ended at {session.revoked_at:%Y-%m-%d %H:%M} UTC: {reason_messages.text(session.revoked_reason, {})}."
    if not Session.objects.live().filter(pk=session.pk).exists():
        return f"It is the session of {owner}, which expired at {session.expires_at:%Y-%m-%d %H:%M} UTC."
    return "" if session.user.is_active else f"The account {owner} is deactivated."


def _around(complaint: Complaint) -> list[AuditEvent]:
    """Of the same person, or from the same address, a quarter of an hour before and after; the last first."""
    same = Q()
    if complaint.person:
        same |= audit_query.of(complaint.person, complaint.person.username)
    if complaint.address:
        same |= Q(address=complaint.address)
    if not same:
        return []
    near: QuerySet[AuditEvent] = (
        AuditEvent.objects.filter(same)
        .exclude(request_id=complaint.request_id)
        .select_related("user", "actor")
    )
    before = near.filter(at__gt=complaint.at - AROUND, at__lte=complaint.at).order_by("-at", "-pk")[
        :MOST
    ]
    after = near.filter(at__gt=complaint.at, at__lt=complaint.at + AROUND).order_by("at", "pk")[
        :MOST
    ]
    return [*reversed(after), *before]
