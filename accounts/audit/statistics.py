"""How much happened, counted by the hour and kept for good; and how many sessions and keys are live.

The clock is the database's, and hours are those of UTC. The audit log only grows, so the counts of an hour are final once it is closed:
``CLOSING`` after its end, since an event bears the time at which its node wrote it and is seen only when that is committed. Whatever is
seen by then is counted once, however many count; what comes later, from a node whose clock is off by more, is in the audit log only. A
mail counts in the hour in which its status was decided, once more if it was sent again. Neither pruning nor erasing changes a count.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, F, Q, Sum, Value, When
from django.db.models.functions import Now, TruncDay, TruncHour
from django.utils.timezone import now

from accounts.audit import audit_log, event_kinds
from accounts.models import AuditEvent, HourlyCount, OutgoingMail, Session

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURS, DAYS = 24, 30  # how far back one can look, in either
CLOSING = timedelta(minutes=10)
PATIENCE = timedelta(
    seconds=1
)  # how long one call goes on catching up with hours that nobody counted
PAUSE = timedelta(minutes=5)  # between two countings of what is live
FEW, SOON = (
    1000,
    timedelta(seconds=50),
)  # so few are counted at every look of the mail worker, which is one a minute
SHARE = 100  # counting what is live takes at most this part of the time, however many there are
MOST_REASONS, OTHER = (
    20,
    "other",
)  # of one kind in one hour: a reason that somebody can vary must not fill the table

Kind, Status = AuditEvent.Kind, OutgoingMail.Status
EXPLAINED = tuple(kind for kind in audit_log.IMPERSONAL if kind != Kind.LOGIN)  # counted by reason
MAILS = {f"mail_{status}": status for status in Status if status != Status.WAITING}
COUNTED, DUE = (
    "counted",
    "live_due",
)  # rows of our own: until when hours are closed, and when what is live is to be counted next
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger(__name__)


class Thing(NamedTuple):
    """What is counted, and when it was: the beginning of an hour or of a day."""

    start: datetime
    kind: str
    contract: str
    reason: str


class Live(NamedTuple):
    """How many there were when they were last counted: altogether, and by contract where they have one."""

    at: datetime
    total: int
    by_contract: dict[str, int]


@dataclass(frozen=True)
class Past:
    """The last 24 hours and 30 days, as they were seen ``at`` that time. ``until`` is None unless the counting lags behind."""

    at: datetime
    hours: list[datetime]
    days: list[datetime]
    by_hour: Counter[Thing]
    by_day: Counter[Thing]
    live: dict[str, Live]
    until: datetime | None = None


# Counting


def tend() -> None:
    """Count the hours that have ended, and what is live if that is due. To be called every minute or so, by any number of workers."""
    close_hours()
    count_live()


def close_hours() -> tuple[datetime, datetime]:
    """Count the hours that have ended; the database's time, and until when all is counted: less than that where ``PATIENCE`` ran out."""
    at, start = _position()
    last, deadline = (
        (at - CLOSING).replace(minute=0, second=0, microsecond=0),
        time.monotonic() + PATIENCE.total_seconds(),
    )
    while start < last and time.monotonic() < deadline:
        end = min(start + DAY, last)
        _close(start, end, at)
        start = end
    return at, start


def _position() -> tuple[datetime, datetime]:
    """The database's time, and where counting has to go on: where it ended, or at the first event that anybody can look back to."""
    closed = (
        HourlyCount.objects.filter(kind=COUNTED)
        .order_by("-hour")
        .annotate(now=Now())
        .values_list("now", "hour")
        .first()
    )
    if closed:
        return closed
    first = AuditEvent.objects.order_by("at").annotate(now=Now()).values_list("now", "at").first()
    at, begin = first or (now(), now())
    return at, max(begin, at - (DAYS + 1) * DAY).replace(minute=0, second=0, microsecond=0)


@transaction.atomic
def _close(start: datetime, end: datetime, at: datetime) -> None:
    """Count whole hours. Whoever counts the same ones at the same time finds the same, and only the first is kept."""
    counts = _happened(start, end)
    counts[Thing(end, COUNTED, "", "")] = 1
    rows = [
        HourlyCount(
            hour=start, kind=kind, contract=contract, reason=reason, count=count, counted_at=at
        )
        for (start, kind, contract, reason), count in counts.items()
    ]
    HourlyCount.objects.bulk_create(rows, ignore_conflicts=True)


def _happened(start: datetime, end: datetime | None = None) -> Counter[Thing]:
    """Events and decided mails by the hour, as their tables have them now."""
    events = (
        AuditEvent.objects.filter(_within("at", start, end))
        .annotate(
            start=TruncHour("at", tzinfo=UTC),
            why=Case(When(kind__in=EXPLAINED, then=F("reason")), default=Value("")),
        )
        .values_list("start", "kind", "contract", "why")
        .annotate(count=Count("pk"))
        .order_by("-count", "why")
    )
    mails = (
        OutgoingMail.objects.filter(_within("closed_at", start, end), status__in=MAILS.values())
        .annotate(start=TruncHour("closed_at", tzinfo=UTC))
        .values_list("start", "status")
        .annotate(count=Count("pk"))
        .order_by()
    )
    counts = _capped(events)
    counts.update({Thing(hour, f"mail_{status}", "", ""): count for hour, status, count in mails})
    return counts


def _within(field: str, start: datetime, end: datetime | None) -> Q:
    until = {f"{field}__lt": end} if end else {}
    return Q(**{f"{field}__gte": start, **until})


def _capped(rows: Iterable[tuple[datetime, str, str, str, int]]) -> Counter[Thing]:
    """The commonest reasons of each kind and hour by their own words, and all others together."""
    counts: Counter[Thing] = Counter()
    reasons: dict[tuple[datetime, str], set[str]] = defaultdict(set)
    for start, kind, contract, reason, count in rows:
        known = reasons[start, kind]
        if len(known) < MOST_REASONS:
            known.add(reason)
        counts[Thing(start, kind, contract, reason if reason in known else OTHER)] += count
    return counts


# What is live


def _live_sessions() -> Counter[str]:
    return Counter(
        dict(Session.objects.live().values_list("contract").annotate(count=Count("pk")).order_by())
    )


LIVE: dict[str, Callable[[], Counter[str]]] = {
    "live_sessions": _live_sessions
}  # by contract; other apps add theirs


def count_live() -> bool:
    """Count what is live, unless somebody did so a short while ago: that reads whole tables, and so is nothing for a page to wait for."""
    if not _claim_counting():
        return False
    began, total = time.monotonic(), 0
    for kind, count in LIVE.items():
        counts = count()
        total += counts.total()
        _keep(kind, counts)
    took = timedelta(seconds=time.monotonic() - began)
    pause = max(SOON if total < FEW else PAUSE, took * SHARE)
    if pause != PAUSE:
        HourlyCount.objects.filter(kind=DUE).update(counted_at=Now() + pause)
    return True


def _claim_counting() -> bool:
    """Whether it is due, and ours to do: the database lets one of many move the time at which it is due next."""
    HourlyCount.objects.bulk_create(
        [HourlyCount(hour=LONG_AGO, kind=DUE, counted_at=LONG_AGO)], ignore_conflicts=True
    )
    return bool(
        HourlyCount.objects.filter(kind=DUE, hour=LONG_AGO, counted_at__lte=Now()).update(
            counted_at=Now() + PAUSE
        )
    )


@transaction.atomic
def _keep(kind: str, counts: Counter[str]) -> None:
    """Put what was counted in the place of what was counted earlier in this hour. The row without a contract is all of them."""
    at = HourlyCount.objects.filter(kind=DUE).values_list(Now(), flat=True)[0]
    hour = at.replace(minute=0, second=0, microsecond=0)
    HourlyCount.objects.filter(kind=kind, hour=hour).update(count=0, counted_at=at)
    rows = [
        HourlyCount(hour=hour, kind=kind, contract=contract, count=count, counted_at=at)
        for contract, count in {**counts, "": counts.total()}.items()
    ]
    HourlyCount.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["hour", "kind", "contract", "reason"],
        update_fields=["count", "counted_at"],
    )


# Looking back


def look_back() -> Past:
    """The last 24 hours, the present one among them, and the last 30 days, today among them; of whatever hour is not closed, as of now."""
    if not settings.EMAILS_ENABLED:
        count_live()  # there is no mail worker to do so
    at, until = close_hours()
    lags = at - until > 2 * HOUR
    hour = at.replace(minute=0, second=0, microsecond=0)
    hours = [hour - HOUR * back for back in reversed(range(HOURS))]
    days = [hour.replace(hour=0) - DAY * back for back in reversed(range(DAYS))]
    by_hour, by_day = _kept(hours[0], until), _kept_days(days[0], until)
    for thing, count in (Counter[Thing]() if lags else _happened(until)).items():
        by_hour[thing] += count
        by_day[thing._replace(start=thing.start.replace(hour=0))] += count
    return Past(at, hours, days, by_hour, by_day, _last_live(hours[0]), until if lags else None)


def _counted_kinds() -> list[str]:
    return [*event_kinds.labels, *MAILS]


def _kept(since: datetime, until: datetime) -> Counter[Thing]:
    rows = HourlyCount.objects.filter(hour__gte=since, hour__lt=until, kind__in=_counted_kinds())
    counts = rows.values_list("hour", "kind", "contract", "reason", "count")
    return Counter(
        {
            Thing(hour, kind, contract, reason): count
            for hour, kind, contract, reason, count in counts
        }
    )


def _kept_days(since: datetime, until: datetime) -> Counter[Thing]:
    rows = HourlyCount.objects.filter(
        hour__gte=since, hour__lt=until, kind__in=_counted_kinds()
    ).annotate(start=TruncDay("hour", tzinfo=UTC))
    sums = (
        rows.values_list("start", "kind", "contract", "reason")
        .annotate(sum=Sum("count"))
        .order_by()
    )
    return Counter(
        {Thing(day, kind, contract, reason): count for day, kind, contract, reason, count in sums}
    )


def _last_live(since: datetime) -> dict[str, Live]:
    """Of each kind the last count, if there is one not older than this."""
    rows = HourlyCount.objects.filter(hour__gte=since, kind__in=LIVE).order_by("hour", "contract")
    live: dict[str, Live] = {}
    for row in rows:
        if not row.contract:
            live[row.kind] = Live(row.counted_at, row.count, {})
        elif row.count:
            live[row.kind].by_contract[row.contract] = row.count
    return live
