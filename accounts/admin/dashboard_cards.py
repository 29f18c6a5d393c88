"""Cards of the dashboard: active sessions, failing mail, and the signing key."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Min, Q, Subquery

from accounts.admin import charts
from accounts.admin.links import LinkedCount, rows_url
from accounts.audit.statistics import RecentCounts
from accounts.models import AuditEvent, OutgoingMail, Session, SigningKey

MAX_MAILS = 5  # that wait after a failed try, and as many that failed
ROTATION_INTERVAL = timedelta(days=90)


class ExtraLiveCount(NamedTuple):
    """A count of ``live_counts.COUNTERS`` that is shown beside the active sessions."""

    kind: str
    noun: str
    url: Callable[[], str]


extra_live_counts: list[ExtraLiveCount] = []  # other apps add theirs


class ContractShare(NamedTuple):
    """The active sessions of one contract, with the width of their bar."""

    contract: str
    sessions: LinkedCount
    width: str


class LiveCard:
    """Active sessions by contract, and other live counts; empty if they were not counted lately."""

    def __init__(self, recent: RecentCounts) -> None:
        counted = recent.live.get("live_sessions")
        by_contract = Counter(counted.by_contract).most_common() if counted else []
        most = max([count for _, count in by_contract], default=0)
        self.at = counted.at if counted else None
        self.sessions = LinkedCount(counted.total, _sessions_url()) if counted else None
        self.contracts = [
            ContractShare(
                name, LinkedCount(count, _sessions_url(name)), charts.percent_of(most, count)
            )
            for name, count in by_contract
        ]
        self.others = [
            (each.noun, LinkedCount(recent.live[each.kind].total, each.url()))
            for each in extra_live_counts
            if each.kind in recent.live
        ]


def _sessions_url(contract: str | None = None) -> str:
    return rows_url(Session, state="live", contract__exact=contract)


class MailCard:
    """Mails that wait, and the last that were refused or failed, with the mail server's answer."""

    def __init__(self) -> None:
        waiting = OutgoingMail.objects.waiting()
        sums = waiting.aggregate(
            waiting=Count("pk"), failing=Count("pk", filter=~Q(error="")), oldest=Min("next_try_at")
        )
        failed = OutgoingMail.objects.filter(status=OutgoingMail.Status.FAILED)
        self.oldest: datetime | None = sums["oldest"]
        self.waiting = LinkedCount(sums["waiting"], rows_url(OutgoingMail, status__exact="waiting"))
        self.failing = LinkedCount(sums["failing"], rows_url(OutgoingMail, status__exact="failing"))
        self.refused = list(waiting.exclude(error="").order_by("-next_try_at")[:MAX_MAILS])
        self.failed = list(failed.order_by("-closed_at")[:MAX_MAILS])

    @property
    def mails(self) -> list[OutgoingMail]:
        return [*self.refused, *self.failed]


class SigningKeyCard:
    """The key that signs, since when, and the previous keys that still verify."""

    def __init__(self, at: datetime) -> None:
        rotated = AuditEvent.objects.filter(kind=AuditEvent.Kind.SIGNING_KEY_ROTATED)
        last_rotation = Subquery(rotated.order_by("-at").values("at")[:1])
        rows = SigningKey.objects.defer("private").annotate(rotated_at=last_rotation)
        keys = list(rows.order_by("retires_at"))
        self.current = next((key for key in keys if key.use == SigningKey.Use.CURRENT), None)
        self.previous = [key for key in keys if key.retires_at and key.retires_at > at]
        self.since = at
        if self.current:
            self.since = max(filter(None, (self.current.created_at, self.current.rotated_at)))
        self.age = at - self.since
        self.url = rows_url(SigningKey)

    @property
    def overdue(self) -> bool:
        return self.age > ROTATION_INTERVAL
