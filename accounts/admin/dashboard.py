"""The dashboard: what happened in the last 24 hours and 30 days, and what needs somebody now. Each number leads to its rows."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Min, Q, Subquery
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from accounts import first_password
from accounts.admin import charts
from accounts.admin.links import events_url, rows_url
from accounts.audit import reasons, seals, statistics
from accounts.audit.reasons import Reason
from accounts.audit.statistics import DAY, HOUR, MAILS, OTHER, Past, Thing
from accounts.models import AuditEvent, OutgoingMail, Session, SigningKey, User
from accounts.operators import permissions

Kind = AuditEvent.Kind
OVERDUE = timedelta(
    minutes=5
)  # a mail or an event that waits longer than this for its turn or its seal has no worker
STALE = timedelta(hours=2)  # what is live is counted more often than this wherever a worker runs
ROTATE_EVERY = timedelta(days=90)
MOST_LINES = 7  # colours that can be told apart
LOGINS, MANY_REFUSED = (Kind.LOGIN_FAILED, Kind.LOGIN), 10
ALARMS: dict[str, str] = {  # by kind of event; other apps add theirs
    Kind.REFRESH_REUSED: "A spent refresh token was used again, and its session ended: {} in the last 24 hours.",
    Kind.LOG_CHANGED: "The audit log is not as it was sealed (manage.py verify_audit_log): found {} in the last 24 hours.",
    Kind.ACTION_REFUSED: "An operator tried what their role does not allow: {} in the last 24 hours.",
}
JOBS = (  # label, name of the page, whether for super admins alone
    ("Find anyone", "admin:accounts_user_changelist", False),
    ("Invite somebody", "admin:accounts_user_add", False),
    ("Understand a request id", "admin:accounts_auditevent_request", False),
    ("Import accounts", "admin:accounts_user_import", False),
    ("Audit log", "admin:accounts_auditevent_changelist", False),
    ("Mails", "admin:accounts_outgoingmail_changelist", False),
    ("Rotate the signing key", "admin:accounts_signingkey_changelist", True),
)


class LiveCount(NamedTuple):
    """A count of ``statistics.LIVE`` that the dashboard shows beside that of sessions."""

    kind: str
    noun: str
    url: Callable[[], str]


LIVE_COUNTS: list[LiveCount] = []  # other apps add theirs


class Line(NamedTuple):
    """What one colour of a chart stands for: events of these kinds, of this contract and reason where one is named; or the rest of them."""

    label: str
    kinds: tuple[str, ...]
    contract: str | None = None
    reason: str | None = None
    rest: bool = False

    def fits(self, thing: Thing) -> bool:
        return (
            thing.kind in self.kinds
            and self.contract in (None, thing.contract)
            and self.reason in (None, thing.reason)
        )

    def rows(self, start: datetime, end: datetime) -> str:
        """Where the rows are that were counted; nowhere if no filter describes them."""
        if self.rest or self.reason == "":
            return ""
        if self.kinds[0] in MAILS:
            statuses = ",".join(MAILS[kind] for kind in self.kinds)
            return rows_url(
                OutgoingMail, status__exact=statuses, closed=f"{_iso(start)}/{_iso(end)}"
            )
        reason = Reason.SIGNED_IN_TO_ADMIN if self.contract == "" else self.reason
        return events_url(
            kind=",".join(self.kinds),
            contract=self.contract,
            reason=reason,
            at_from=_iso(start),
            at_to=_iso(end),
        )


@dataclass(frozen=True)
class Subject:
    """One pair of charts: these lines, or one for each contract or reason of a kind that came up."""

    title: str
    none: str
    lines: tuple[Line, ...] = ()
    kinds: tuple[str, ...] = ()
    split: str = ""

    @property
    def all(self) -> Line:
        return Line(
            "All",
            self.kinds or tuple(dict.fromkeys(kind for line in self.lines for kind in line.kinds)),
        )

    def line(self, name: str) -> Line:
        if self.split == "contract":
            return Line(name or "no contract", self.kinds, contract=name)
        return Line(reasons.label(name) or "no reason", self.kinds, reason=name)

    def drawn(self, past: Past) -> list[Line]:
        """The lines of this chart, the longest first, and no more than can be told apart."""
        if self.lines:
            return list(self.lines)
        sums: Counter[str] = Counter()
        for thing, count in past.by_day.items():
            if thing.kind in self.kinds:
                sums[getattr(thing, self.split)] += count
        names = [name for name, _ in sums.most_common() if name != OTHER]
        shown = names if len(sums) <= MOST_LINES else names[: MOST_LINES - 1]
        lines = [self.line(name) for name in shown]
        return lines if len(lines) == len(sums) else [*lines, Line("Others", self.kinds, rest=True)]


SUBJECTS = (
    Subject("Logins", "Nobody logged in.", kinds=(Kind.LOGIN,), split="contract"),
    Subject(
        "Refused logins, by true reason",
        "No login was refused.",
        kinds=(Kind.LOGIN_FAILED,),
        split="reason",
    ),
    Subject("Throttled", "Nobody guessed too often.", kinds=(Kind.THROTTLED,), split="reason"),
    Subject(
        "Refused refreshes, by true reason",
        "No refresh was refused.",
        kinds=(Kind.REFRESH_FAILED, Kind.REFRESH_REUSED),
        split="reason",
    ),
    Subject(
        "Passwords reset and changed",
        "Nobody asked for a reset, nor changed a password.",
        lines=(
            Line("Reset asked for", (Kind.RESET_ASKED,)),
            Line("Reset by link", (Kind.PASSWORD_CHANGED,), reason=Reason.RESET_BY_LINK),
            Line("Reset by code", (Kind.PASSWORD_CHANGED,), reason=Reason.RESET_BY_CODE),
            Line("Changed", (Kind.PASSWORD_CHANGED,), reason=Reason.CHANGED),
            Line(
                "Temporary one replaced", (Kind.PASSWORD_CHANGED,), reason=Reason.TEMPORARY_REPLACED
            ),
            Line("Reset refused", (Kind.RESET_FAILED,)),
        ),
    ),
    Subject(
        "Mails, by status",
        "No mail was due.",
        lines=tuple(
            Line(str(OutgoingMail.Status(status).label), (kind,)) for kind, status in MAILS.items()
        ),
    ),
)


@dataclass(frozen=True)
class Number:
    """A count that leads to its rows, if there are any."""

    count: int
    url: str

    @property
    def text(self) -> str:
        return f"{self.count:,}"

    def __str__(self) -> str:
        return (
            format_html('<a href="{}">{}</a>', self.url, self.text)
            if self.url and self.count
            else self.text
        )


class Row(NamedTuple):
    """One hour or day: its name, its numbers, all of them together, and what a bar says when it is pointed at."""

    label: str
    numbers: list[Number]
    all: Number
    hint: str


@dataclass(frozen=True)
class Chart:
    """One subject over one length of time: as bars, as a table, and in a sentence."""

    heading: str
    drawing: charts.Drawing
    legend: list[tuple[str, Number]]
    rows: list[Row]
    total: Number
    most: Row | None

    @property
    def bars(self) -> Iterable[tuple[charts.Bar, Row]]:
        return zip(self.drawing.bars, self.rows, strict=True)

    @property
    def newest_first(self) -> list[Row]:
        return self.rows[::-1]


class Notice(NamedTuple):
    """Something that needs somebody now, and where to look."""

    text: str
    url: str = ""
    words: str = ""


def context(operator: User) -> dict[str, Any]:
    """All that the dashboard shows to this operator, in a fixed number of queries."""
    past, mail = statistics.look_back(), Mail()
    keys = SigningKeys(past.at) if permissions.is_super_admin(operator) else None
    about_rows = [
        *_about_mail(mail, past),
        *_about_logins(past),
        *_about_keys(keys),
        *_about_counting(past),
    ]
    notices = [*_about_first_password(operator), *about_rows, *_about_seals(past)]
    return {
        "past": past,
        "notices": notices,
        "subjects": [(subject, *_pair(subject, past)) for subject in SUBJECTS],
        "live": _live(past),
        "mail": mail,
        "signing_keys": keys,
        "jobs": list(_jobs(operator)),
    }


# Charts


def _pair(subject: Subject, past: Past) -> tuple[Chart, Chart]:
    lines = subject.drawn(past)
    hours = _chart("Last 24 hours", subject, lines, past.by_hour, past.hours, HOUR)
    days = _chart("Last 30 days", subject, lines, past.by_day, past.days, DAY)
    return hours, days


def _chart(
    heading: str,
    subject: Subject,
    lines: list[Line],
    counts: Counter[Thing],
    starts: list[datetime],
    step: timedelta,
) -> Chart:
    begin, end = starts[0], starts[-1] + step
    columns = {start: [0] * len(lines) for start in starts}
    for thing, count in counts.items():
        series = next((i for i, line in enumerate(lines) if line.fits(thing)), None)
        if series is not None and thing.start in columns:
            columns[thing.start][series] += count
    rows = [_row(subject, lines, columns[start], start, step) for start in starts]
    sums = [sum(column) for column in zip(*columns.values(), strict=True)]
    return Chart(
        heading=heading,
        drawing=charts.draw(
            list(columns.values()),
            [_mark(start, step) for start in starts],
            6 if step == HOUR else 7,
        ),
        legend=[
            (line.label, _number(line, count, begin, end))
            for line, count in zip(lines, sums, strict=True)
        ],
        rows=rows,
        total=_number(subject.all, sum(sums), begin, end),
        most=max(rows, key=lambda row: row.all.count) if any(sums) else None,
    )


def _row(
    subject: Subject, lines: list[Line], counts: list[int], start: datetime, step: timedelta
) -> Row:
    label, all_of_it = _moment(start, step), _number(subject.all, sum(counts), start, start + step)
    parts = [f"{line.label} {count:,}" for line, count in zip(lines, counts, strict=True) if count]
    return Row(
        label=label,
        numbers=[
            _number(line, count, start, start + step)
            for line, count in zip(lines, counts, strict=True)
        ],
        all=all_of_it,
        hint=f"{label}: {all_of_it.text}" + (f" ({', '.join(parts)})" if parts else ""),
    )


def _number(line: Line, count: int, start: datetime, end: datetime) -> Number:
    return Number(count, line.rows(start, end) if count else "")


def _moment(start: datetime, step: timedelta) -> str:
    return f"{start:%a} {start.day} {start:%b}" + (f", {start:%H:%M}" if step == HOUR else "")


def _mark(start: datetime, step: timedelta) -> str:
    return f"{start:%H:%M}" if step == HOUR else f"{start.day} {start:%b}"


# What is there now


class Bar(NamedTuple):
    """How many are live of one sort."""

    label: str
    number: Number
    width: str


def _live(past: Past) -> dict[str, Any]:
    """Sessions by contract, and keys, with the time at which they were counted: none where nobody counted them lately."""
    sessions = past.live.get("live_sessions")
    counts = Counter(sessions.by_contract).most_common() if sessions else []
    most = max([count for _, count in counts], default=0)
    return {
        "sessions": sessions and Number(sessions.total, _sessions()),
        "at": sessions.at if sessions else None,
        "bars": [Bar(name, Number(n, _sessions(name)), charts.share(n, most)) for name, n in counts]
        if sessions
        else [],
        "others": [
            (each.noun, Number(past.live[each.kind].total, each.url()))
            for each in LIVE_COUNTS
            if each.kind in past.live
        ],
    }


def _sessions(contract: str | None = None) -> str:
    return rows_url(Session, state="live", contract__exact=contract)


class Mail:
    """What waits, what has failed so far, and what was given up lately: with the mail server's words."""

    def __init__(self) -> None:
        waiting = OutgoingMail.objects.waiting()
        sums = waiting.aggregate(
            waiting=Count("pk"), failing=Count("pk", filter=~Q(error="")), oldest=Min("next_try_at")
        )
        self.oldest: datetime | None = sums["oldest"]
        self.waiting = Number(sums["waiting"], rows_url(OutgoingMail, status__exact="waiting"))
        self.failing = Number(sums["failing"], rows_url(OutgoingMail, status__exact="failing"))
        self.refused = list(waiting.exclude(error="").order_by("-next_try_at")[:5])
        self.given_up = list(
            OutgoingMail.objects.filter(status=OutgoingMail.Status.FAILED).order_by("-closed_at")[
                :5
            ]
        )

    @property
    def troubles(self) -> list[OutgoingMail]:
        return [*self.refused, *self.given_up]


class SigningKeys:
    """The key that signs, since when, and those before it that still verify."""

    def __init__(self, at: datetime) -> None:
        rotations = (
            AuditEvent.objects.filter(kind=Kind.SIGNING_KEY_ROTATED).order_by("-at").values("at")
        )
        keys = list(
            SigningKey.objects.defer("private")
            .annotate(rotated_at=Subquery(rotations[:1]))
            .order_by("retires_at")
        )
        self.current = next((key for key in keys if key.use == SigningKey.Use.CURRENT), None)
        self.previous = [key for key in keys if key.retires_at and key.retires_at > at]
        self.since = (
            max(filter(None, (self.current.created_at, self.current.rotated_at)))
            if self.current
            else at
        )
        self.age = at - self.since
        self.url = rows_url(SigningKey)

    @property
    def overdue(self) -> bool:
        return self.age > ROTATE_EVERY


# What needs somebody now


def _about_first_password(operator: User) -> Iterable[Notice]:
    """Of one's own to everybody, and of others' to those who may give them another."""
    if operator.password_generated:
        yield Notice(
            "Your password is still the one that was generated at the first start. Choose your own.",
            reverse("change-password"),
        )
    if permissions.is_super_admin(operator):
        for other in first_password.holders().exclude(pk=operator.pk):
            text = (
                f"The password of {other} is still the one that was generated at the first start."
            )
            yield Notice(
                f"{text} Have it changed, or deactivate the account.",
                reverse("admin:accounts_user_change", args=[other.pk]),
            )


def _about_mail(mail: Mail, past: Past) -> Iterable[Notice]:
    if mail.oldest and past.at - mail.oldest > OVERDUE:
        yield Notice(
            f"A mail has been due for {_length(past.at - mail.oldest)}. Is the mail worker running (manage.py deliver_mail)?",
            mail.waiting.url,
        )
    if mail.failing.count:
        text = f"The mail server has not taken {_many(mail.failing.count, 'mail')} so far; they are tried again for a day."
        yield Notice(text, mail.failing.url, mail.refused[0].error if mail.refused else "")
    if given_up := _lately(past, "mail_failed"):
        yield Notice(
            f"{_many(given_up.count, 'mail')} given up in the last 24 hours. They can be sent again.",
            given_up.url,
        )


def _about_logins(past: Past) -> Iterable[Notice]:
    since = past.hours[-2]
    refused, logins = (
        sum(n for thing, n in past.by_hour.items() if thing.kind == kind and thing.start >= since)
        for kind in LOGINS
    )
    if refused >= MANY_REFUSED and not logins:
        url = Line("", (Kind.LOGIN_FAILED,)).rows(since, past.hours[-1] + HOUR)
        yield Notice(
            f"Nobody has logged in since {since:%H:%M}, and {refused:,} logins were refused.", url
        )
    for kind, text in ALARMS.items():
        if found := _lately(past, kind):
            yield Notice(text.format(_many(found.count, "time")), found.url)


def _about_keys(keys: SigningKeys | None) -> Iterable[Notice]:
    if keys and keys.overdue:
        yield Notice(
            f"The same key has signed for {keys.age.days} days; it is time to rotate it.", keys.url
        )


def _about_counting(past: Past) -> Iterable[Notice]:
    if past.until:
        yield Notice(
            f"What happened after {past.until:%d %b, %H:%M} is still being counted: open this page again in a moment."
        )
    counted = past.live.get("live_sessions")
    if counted and past.at - counted.at > STALE:
        yield Notice(
            f"Sessions and keys were last counted {_length(past.at - counted.at)} ago. Is the mail worker running?"
        )


def _about_seals(past: Past) -> Iterable[Notice]:
    behind = seals.behind(past.at)
    if behind and behind > OVERDUE:
        text = f"No event of the audit log has been sealed for {_length(behind)}, although there are some to seal."
        yield Notice(
            f"{text} Is the mail worker running (manage.py deliver_mail)? Its log says what it cannot do."
        )


def _lately(past: Past, kind: str) -> Number | None:
    line = Line("", (kind,))
    count = sum(n for thing, n in past.by_hour.items() if line.fits(thing))
    return _number(line, count, past.hours[0], past.hours[-1] + HOUR) if count else None


# Words and addresses


def _jobs(operator: User) -> Iterable[tuple[str, str]]:
    """The jobs of every day that this operator may do, as links."""
    for label, name, super_only in JOBS:
        if not super_only or permissions.is_super_admin(operator):
            try:
                yield label, reverse(name)
            except NoReverseMatch:
                continue


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _length(length: timedelta) -> str:
    """``3 days``, ``5 hours`` or ``12 minutes``."""
    for unit, noun in ((DAY, "day"), (HOUR, "hour")):
        if length >= unit * 2:
            return _many(length // unit, noun)
    return _many(max(length // timedelta(minutes=1), 1), "minute")
