"""Charts of the dashboard: topics and their series, drawn by the hour and by the day.

Each number links to its rows.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.admin import charts
from accounts.admin.links import LinkedCount, events_url, iso, rows_url
from accounts.audit import reasons
from accounts.audit.reasons import Reason
from accounts.audit.statistics import (
    DAY,
    HOUR,
    MAIL_KINDS,
    OTHER,
    CountKey,
    Counts,
    RecentCounts,
)
from accounts.models import AuditEvent, OutgoingMail

Kind = AuditEvent.Kind
MAX_SERIES = 7  # colours that can be told apart


class Series(NamedTuple):
    """One colour of a chart: events of these kinds, of one contract or reason if that is given.

    ``rest`` stands for all that have no series of their own.
    """

    label: str
    kinds: tuple[str, ...]
    contract: str | None = None
    reason: str | None = None
    rest: bool = False

    def includes(self, key: CountKey) -> bool:
        return (
            key.kind in self.kinds
            and self.contract in (None, key.contract)
            and self.reason in (None, key.reason)
        )

    def linked(self, count: int, start: datetime, end: datetime) -> LinkedCount:
        return LinkedCount(count, self.url(start, end) if count else "")

    def url(self, start: datetime, end: datetime) -> str:
        """Return the address of the rows that were counted; empty if no filter describes them."""
        if self.rest or self.reason == "":
            return ""
        if self.kinds[0] in MAIL_KINDS:
            statuses = ",".join(MAIL_KINDS[kind] for kind in self.kinds)
            return rows_url(OutgoingMail, status__exact=statuses, closed=f"{iso(start)}/{iso(end)}")
        return events_url(
            kind=",".join(self.kinds),
            contract=self.contract,
            reason=Reason.SIGNED_IN_TO_ADMIN if self.contract == "" else self.reason,
            at_from=iso(start),
            at_to=iso(end),
        )


@dataclass(frozen=True)
class Topic:
    """The subject of a pair of charts.

    It has these ``series``, or else one for each value of ``split_by`` (contract or reason) that
    events of the ``kinds`` have.
    """

    title: str
    empty_text: str
    series: tuple[Series, ...] = ()
    kinds: tuple[str, ...] = ()
    split_by: str = ""

    @property
    def total(self) -> Series:
        own = tuple(dict.fromkeys(kind for series in self.series for kind in series.kinds))
        return Series("All", self.kinds or own)

    def series_in(self, counts: Counts) -> list[Series]:
        """Return the series of this chart, the largest first, and no more than ``MAX_SERIES``."""
        if self.series:
            return list(self.series)
        sums: Counter[str] = Counter()
        for key, count in counts.items():
            if key.kind in self.kinds:
                sums[getattr(key, self.split_by)] += count
        names = [name for name, _ in sums.most_common() if name != OTHER]
        shown = names if len(sums) <= MAX_SERIES else names[: MAX_SERIES - 1]
        series = [self._series_of(name) for name in shown]
        others = [] if len(series) == len(sums) else [Series("Others", self.kinds, rest=True)]
        return series + others

    def _series_of(self, name: str) -> Series:
        if self.split_by == "contract":
            return Series(name or "no contract", self.kinds, contract=name)
        return Series(reasons.label(name) or "no reason", self.kinds, reason=name)


PASSWORD_CHANGES = (
    ("Reset by link", Reason.RESET_BY_LINK),
    ("Reset by code", Reason.RESET_BY_CODE),
    ("Changed", Reason.CHANGED),
    ("Temporary one replaced", Reason.TEMPORARY_REPLACED),
)
TOPICS = (
    Topic("Logins", "No login.", kinds=(Kind.LOGIN,), split_by="contract"),
    Topic(
        "Refused logins, by true reason",
        "No login was refused.",
        kinds=(Kind.LOGIN_FAILED,),
        split_by="reason",
    ),
    Topic("Throttled", "No request was throttled.", kinds=(Kind.THROTTLED,), split_by="reason"),
    Topic(
        "Refused refreshes, by true reason",
        "No refresh was refused.",
        kinds=(Kind.REFRESH_FAILED, Kind.REFRESH_REUSED),
        split_by="reason",
    ),
    Topic(
        "Passwords reset and changed",
        "No password was reset or changed.",
        series=(
            Series("Reset asked for", (Kind.RESET_ASKED,)),
            *(
                Series(label, (Kind.PASSWORD_CHANGED,), reason=reason)
                for label, reason in PASSWORD_CHANGES
            ),
            Series("Reset refused", (Kind.RESET_FAILED,)),
        ),
    ),
    Topic(
        "Mails, by status",
        "No mail was due.",
        series=tuple(
            Series(str(OutgoingMail.Status(status).label), (kind,))
            for kind, status in MAIL_KINDS.items()
        ),
    ),
)


class Interval(NamedTuple):
    """One hour or day of a chart: its label, its numbers, their sum, and the tooltip of its bar."""

    label: str
    numbers: list[LinkedCount]
    total: LinkedCount
    tooltip: str


@dataclass(frozen=True)
class Chart:
    """One topic over one length of time: as bars, as a table, and in a sentence."""

    heading: str
    drawing: charts.Drawing
    legend: list[tuple[str, LinkedCount]]
    intervals: list[Interval]
    total: LinkedCount
    peak: Interval | None

    @property
    def bars(self) -> Iterable[tuple[charts.Bar, Interval]]:
        return zip(self.drawing.bars, self.intervals, strict=True)

    @property
    def newest_first(self) -> list[Interval]:
        return self.intervals[::-1]


def pair(topic: Topic, recent: RecentCounts) -> tuple[Chart, Chart]:
    """Return the charts of a topic, of the last 24 hours and of the last 30 days."""
    series = topic.series_in(recent.by_day)
    hours = _chart("Last 24 hours", topic, series, recent.by_hour, recent.hours, HOUR)
    days = _chart("Last 30 days", topic, series, recent.by_day, recent.days, DAY)
    return hours, days


def _chart(
    heading: str,
    topic: Topic,
    series: list[Series],
    counts: Counts,
    starts: list[datetime],
    step: timedelta,
) -> Chart:
    columns = _columns(series, counts, starts)
    sums = [sum(column) for column in zip(*columns.values(), strict=True)]
    intervals = [_interval(topic, series, columns[start], start, step) for start in starts]
    begin, end = starts[0], starts[-1] + step
    labels = [_bar_label(start, step) for start in starts]
    return Chart(
        heading=heading,
        drawing=charts.draw(list(columns.values()), labels, every=6 if step == HOUR else 7),
        legend=[
            (each.label, each.linked(count, begin, end))
            for each, count in zip(series, sums, strict=True)
        ],
        intervals=intervals,
        total=topic.total.linked(sum(sums), begin, end),
        peak=max(intervals, key=lambda each: each.total.count) if any(sums) else None,
    )


def _columns(
    series: list[Series], counts: Counts, starts: list[datetime]
) -> dict[datetime, list[int]]:
    """Return the counts of each series, by the beginning of the interval."""
    columns = {start: [0] * len(series) for start in starts}
    for key, count in counts.items():
        number = next((i for i, each in enumerate(series) if each.includes(key)), None)
        if number is not None and key.start in columns:
            columns[key.start][number] += count
    return columns


def _interval(
    topic: Topic, series: list[Series], counts: list[int], start: datetime, step: timedelta
) -> Interval:
    end, counted = start + step, list(zip(series, counts, strict=True))
    label, total = _interval_label(start, step), topic.total.linked(sum(counts), start, end)
    parts = ", ".join(f"{each.label} {count:,}" for each, count in counted if count)
    return Interval(
        label=label,
        numbers=[each.linked(count, start, end) for each, count in counted],
        total=total,
        tooltip=f"{label}: {total.text}" + (f" ({parts})" if parts else ""),
    )


def _interval_label(start: datetime, step: timedelta) -> str:
    return f"{start:%a} {start.day} {start:%b}" + (f", {start:%H:%M}" if step == HOUR else "")


def _bar_label(start: datetime, step: timedelta) -> str:
    return f"{start:%H:%M}" if step == HOUR else f"{start.day} {start:%b}"
