"""Statistics of audit events and mails: counts by the hour, which are stored for good.

The clock is the database's, and hours are those of UTC. The audit log only grows, so the counts of
an hour are final once it is closed. That is ``CLOSED_AFTER`` its end, since an event bears the time
at which its node wrote it, and is seen when that is committed. Each event seen by then is counted
once, however many processes count. One that comes later, from a node whose clock is wrong by more,
is in the audit log only.

A mail counts in the hour in which it was sent or failed, once more if it was sent again. Neither
pruning nor erasing changes a count.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Q, Sum, Value, When
from django.db.models.functions import Now, TruncDay, TruncHour
from django.utils.timezone import now

from accounts.audit import audit_log, event_kinds, live_counts
from accounts.audit.live_counts import LiveCount
from accounts.models import AuditEvent, HourlyCount, OutgoingMail

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RECENT_HOURS, RECENT_DAYS = 24, 30
CLOSED_AFTER = timedelta(minutes=10)
MAX_COUNTING_TIME = timedelta(seconds=1)  # of one call; the next goes on
# Of one kind in one hour. A reason that a client can vary must not fill the table: all others are
# counted together, as ``OTHER``.
MAX_REASONS, OTHER = 20, "other"
CLOSED_UNTIL = "counted"  # the kind of the rows that say up to which hour all are closed

Kind, Status = AuditEvent.Kind, OutgoingMail.Status
COUNTED_BY_REASON = tuple(kind for kind in audit_log.IMPERSONAL if kind != Kind.LOGIN)
MAIL_KINDS = {f"mail_{status}": status for status in Status if status != Status.WAITING}


class CountKey(NamedTuple):
    """The beginning of an hour or a day, and the kind, contract and reason of its events."""

    start: datetime
    kind: str
    contract: str
    reason: str


Counts = Counter[CountKey]


@dataclass(frozen=True)
class RecentCounts:
    """The counts of the last 24 hours and 30 days, read at the time ``at``.

    ``counted_until`` is None unless the counting lags behind.
    """

    at: datetime
    hours: list[datetime]
    days: list[datetime]
    by_hour: Counts
    by_day: Counts
    live: dict[str, LiveCount]
    counted_until: datetime | None = None


def update() -> None:
    """Count the hours that have ended, and what is active if that is due.

    To be called every minute or so, by any number of workers.
    """
    close_hours()
    live_counts.count_if_due()


# Counting


def close_hours() -> tuple[datetime, datetime]:
    """Count the hours that have ended; return the database's time, and the end of the last one.

    That is not the last hour which has ended if counting takes longer than ``MAX_COUNTING_TIME``.
    """
    at, start = _position()
    last = (at - CLOSED_AFTER).replace(minute=0, second=0, microsecond=0)
    deadline = time.monotonic() + MAX_COUNTING_TIME.total_seconds()
    while start < last and time.monotonic() < deadline:
        end = min(start + DAY, last)
        _close(start, end, at)
        start = end
    return at, start


def _position() -> tuple[datetime, datetime]:
    """Return the database's time, and the hour at which counting has to go on.

    Before the first count that is the hour of the first event, a little more than a month ago at
    most.
    """
    closed = HourlyCount.objects.filter(kind=CLOSED_UNTIL).order_by("-hour").annotate(now=Now())
    if position := closed.values_list("now", "hour").first():
        return position
    first = AuditEvent.objects.order_by("at").annotate(now=Now()).values_list("now", "at").first()
    at, begin = first or (now(), now())
    oldest = at - (RECENT_DAYS + 1) * DAY
    return at, max(begin, oldest).replace(minute=0, second=0, microsecond=0)


@transaction.atomic
def _close(start: datetime, end: datetime, at: datetime) -> None:
    """Store the counts of whole hours.

    Processes that count the same hours at the same time find the same; the first row is kept.
    """
    counts = _count(start, end)
    counts[CountKey(end, CLOSED_UNTIL, "", "")] = 1
    rows = [
        HourlyCount(
            hour=start, kind=kind, contract=contract, reason=reason, count=count, counted_at=at
        )
        for (start, kind, contract, reason), count in counts.items()
    ]
    HourlyCount.objects.bulk_create(rows, ignore_conflicts=True)


def _count(start: datetime, end: datetime | None = None) -> Counts:
    """Count events and finished mails by the hour, as their tables have them now."""
    events = (
        AuditEvent.objects.filter(_within("at", start, end))
        .annotate(
            start=TruncHour("at", tzinfo=UTC),
            counted_reason=Case(
                When(kind__in=COUNTED_BY_REASON, then=F("reason")), default=Value("")
            ),
        )
        .values_list("start", "kind", "contract", "counted_reason")
        .annotate(count=Count("pk"))
        .order_by("-count", "counted_reason")
    )
    mails = (
        OutgoingMail.objects.filter(
            _within("closed_at", start, end), status__in=MAIL_KINDS.values()
        )
        .annotate(start=TruncHour("closed_at", tzinfo=UTC))
        .values_list("start", "status")
        .annotate(count=Count("pk"))
        .order_by()
    )
    counts = _capped(events)
    counts.update(
        {CountKey(hour, f"mail_{status}", "", ""): count for hour, status, count in mails}
    )
    return counts


def _within(field: str, start: datetime, end: datetime | None) -> Q:
    until = {f"{field}__lt": end} if end else {}
    return Q(**{f"{field}__gte": start, **until})


def _capped(rows: Iterable[tuple[datetime, str, str, str, int]]) -> Counts:
    """Add up the commonest reasons of each kind and hour one by one, and all others together."""
    counts: Counts = Counter()
    reasons: dict[tuple[datetime, str], set[str]] = defaultdict(set)
    for start, kind, contract, reason, count in rows:
        known = reasons[start, kind]
        if len(known) < MAX_REASONS:
            known.add(reason)
        counts[CountKey(start, kind, contract, reason if reason in known else OTHER)] += count
    return counts


# Reading


def recent() -> RecentCounts:
    """Return the counts of the last 24 hours, with the present one, and of the last 30 days.

    Hours that are not closed are counted now.
    """
    if not settings.EMAILS_ENABLED:
        live_counts.count_if_due()  # there is no mail worker to do so
    at, until = close_hours()
    lags = at - until > 2 * HOUR
    hour = at.replace(minute=0, second=0, microsecond=0)
    hours = [hour - HOUR * back for back in reversed(range(RECENT_HOURS))]
    days = [hour.replace(hour=0) - DAY * back for back in reversed(range(RECENT_DAYS))]
    by_hour, by_day = _stored_hours(hours[0], until), _stored_days(days[0], until)
    for key, count in (Counter() if lags else _count(until)).items():
        by_hour[key] += count
        by_day[key._replace(start=key.start.replace(hour=0))] += count
    live = live_counts.newest(hours[0])
    return RecentCounts(at, hours, days, by_hour, by_day, live, until if lags else None)


def _stored_hours(since: datetime, until: datetime) -> Counts:
    rows = HourlyCount.objects.filter(hour__gte=since, hour__lt=until, kind__in=_all_kinds())
    return _counts(rows.values_list("hour", "kind", "contract", "reason", "count"))


def _stored_days(since: datetime, until: datetime) -> Counts:
    rows = HourlyCount.objects.filter(hour__gte=since, hour__lt=until, kind__in=_all_kinds())
    days = rows.annotate(start=TruncDay("hour", tzinfo=UTC))
    sums = days.values_list("start", "kind", "contract", "reason").annotate(sum=Sum("count"))
    return _counts(sums.order_by())


def _counts(rows: Iterable[tuple[datetime, str, str, str, int]]) -> Counts:
    return Counter(
        {
            CountKey(start, kind, contract, reason): count
            for start, kind, contract, reason, count in rows
        }
    )


def _all_kinds() -> list[str]:
    return [*event_kinds.labels, *MAIL_KINDS]
