"""Counts of what is active now, such as sessions, made at intervals and stored.

Counting reads whole tables, so no page waits for it. The clock is the database's.
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from accounts.models import HourlyCount, Session

COUNT_INTERVAL = timedelta(minutes=5)  # between two counts
# So few are counted at each call of the mail worker, which is one a minute.
FEW, COUNT_INTERVAL_OF_FEW = 1000, timedelta(seconds=50)
IDLE_FACTOR = 100  # the pause after a count is at least so many times as long as the count took
DUE = "live_due"  # the kind of the row that says when the next count is due
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class LiveCount(NamedTuple):
    """The result of the last count: the total, and the number by contract where there is one."""

    at: datetime
    total: int
    by_contract: dict[str, int]


def _active_sessions() -> Counter[str]:
    by_contract = Session.objects.live().values_list("contract").annotate(count=Count("pk"))
    return Counter(dict(by_contract.order_by()))


# Kind of the stored count → function that counts by contract; other apps add theirs.
COUNTERS: dict[str, Callable[[], Counter[str]]] = {"live_sessions": _active_sessions}


def count_if_due() -> bool:
    """Count and store what is active; return False if it was counted a short while ago."""
    if not _claim():
        return False
    began, total = time.monotonic(), 0
    for kind, counter in COUNTERS.items():
        counts = counter()
        total += counts.total()
        _store(kind, counts)
    took = timedelta(seconds=time.monotonic() - began)
    pause = max(COUNT_INTERVAL_OF_FEW if total < FEW else COUNT_INTERVAL, took * IDLE_FACTOR)
    if pause != COUNT_INTERVAL:
        HourlyCount.objects.filter(kind=DUE).update(counted_at=Now() + pause)
    return True


def newest(since: datetime) -> dict[str, LiveCount]:
    """Return the last count of each kind, unless it is from before ``since``."""
    rows = HourlyCount.objects.filter(hour__gte=since, kind__in=COUNTERS)
    found: dict[str, LiveCount] = {}
    for row in rows.order_by("hour", "contract"):
        if not row.contract:
            found[row.kind] = LiveCount(row.counted_at, row.count, {})
        elif row.count:
            found[row.kind].by_contract[row.contract] = row.count
    return found


def _claim() -> bool:
    """Return whether a count is due and this process makes it.

    Of many processes the database lets one move the time of the next count.
    """
    due = HourlyCount(hour=LONG_AGO, kind=DUE, counted_at=LONG_AGO)
    HourlyCount.objects.bulk_create([due], ignore_conflicts=True)
    rows = HourlyCount.objects.filter(kind=DUE, hour=LONG_AGO, counted_at__lte=Now())
    return bool(rows.update(counted_at=Now() + COUNT_INTERVAL))


@transaction.atomic
def _store(kind: str, counts: Counter[str]) -> None:
    """Replace the count of this hour. The row without a contract has the total."""
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
