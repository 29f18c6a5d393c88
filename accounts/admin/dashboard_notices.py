"""Notices of the dashboard: what an operator has to look at now, with links to the rows."""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from django.urls import reverse

from accounts import first_password
from accounts.admin.dashboard_cards import MailCard, SigningKeyCard
from accounts.admin.dashboard_charts import Series
from accounts.admin.links import LinkedCount
from accounts.audit import seals
from accounts.audit.statistics import DAY, HOUR, RecentCounts
from accounts.models import AuditEvent, User
from accounts.operators import permissions

Kind = AuditEvent.Kind
OVERDUE = timedelta(minutes=5)  # of a mail or an event that waits for its turn or its seal
STALE = timedelta(hours=2)  # live counts are never so old where a worker runs
MIN_REFUSED_LOGINS = 10  # of two hours without a login
# Kind of event → notice if there was one in the last 24 hours; other apps add theirs.
ALARMS: dict[str, str] = {
    Kind.REFRESH_REUSED: (
        "A spent refresh token was used again, and its session ended: {} in the last 24 hours."
    ),
    Kind.LOG_CHANGED: (
        "The audit log is not as it was sealed (manage.py verify_audit_log): found {} in the last "
        "24 hours."
    ),
    Kind.ACTION_REFUSED: (
        "An operator tried what their role does not allow: {} in the last 24 hours."
    ),
}


class Notice(NamedTuple):
    """A sentence, the address of its rows, and a mail server's answer."""

    text: str
    url: str = ""
    quote: str = ""


def for_operator(
    operator: User, recent: RecentCounts, mail: MailCard, keys: SigningKeyCard | None
) -> list[Notice]:
    """Return all notices that concern this operator."""
    return [
        *_generated_passwords(operator),
        *_mail(mail, recent),
        *_logins(recent),
        *_alarms(recent),
        *_signing_key(keys),
        *_counting(recent),
        *_seals(recent),
    ]


def _generated_passwords(operator: User) -> Iterable[Notice]:
    """Tell every operator of their own, and super admins of those of others."""
    if operator.password_generated:
        yield Notice(
            "Your password is still the one that was generated at the first start. "
            "Choose your own.",
            reverse("change-password"),
        )
    if permissions.is_super_admin(operator):
        for other in first_password.holders().exclude(pk=operator.pk):
            yield Notice(
                f"The password of {other} is still the one that was generated at the first start. "
                "Have it changed, or deactivate the account.",
                reverse("admin:accounts_user_change", args=[other.pk]),
            )


def _mail(mail: MailCard, recent: RecentCounts) -> Iterable[Notice]:
    if mail.oldest and recent.at - mail.oldest > OVERDUE:
        yield Notice(
            f"A mail has been due for {_duration(recent.at - mail.oldest)}. "
            "Is the mail worker running (manage.py deliver_mail)?",
            mail.waiting.url,
        )
    if mail.failing.count:
        text = (
            f"The mail server has not taken {_many(mail.failing.count, 'mail')} so far; "
            "they are tried again for a day."
        )
        yield Notice(text, mail.failing.url, mail.refused[0].error if mail.refused else "")
    if failed := _last_day(recent, "mail_failed"):
        yield Notice(
            f"{_many(failed.count, 'mail')} failed in the last 24 hours. They can be sent again.",
            failed.url,
        )


def _logins(recent: RecentCounts) -> Iterable[Notice]:
    since = recent.hours[-2]
    refused, logins = (
        sum(n for key, n in recent.by_hour.items() if key.kind == kind and key.start >= since)
        for kind in (Kind.LOGIN_FAILED, Kind.LOGIN)
    )
    if refused >= MIN_REFUSED_LOGINS and not logins:
        yield Notice(
            f"No user has logged in since {since:%H:%M}, and {refused:,} logins were refused.",
            Series("", (Kind.LOGIN_FAILED,)).url(since, recent.hours[-1] + HOUR),
        )


def _alarms(recent: RecentCounts) -> Iterable[Notice]:
    for kind, text in ALARMS.items():
        if found := _last_day(recent, kind):
            yield Notice(text.format(_many(found.count, "time")), found.url)


def _signing_key(keys: SigningKeyCard | None) -> Iterable[Notice]:
    if keys and keys.overdue:
        text = f"The same key has signed for {keys.age.days} days; it is time to rotate it."
        yield Notice(text, keys.url)


def _counting(recent: RecentCounts) -> Iterable[Notice]:
    if recent.counted_until:
        yield Notice(
            f"Events after {recent.counted_until:%d %b, %H:%M} are still being counted: "
            "open this page again in a moment."
        )
    counted = recent.live.get("live_sessions")
    if counted and recent.at - counted.at > STALE:
        yield Notice(
            f"Active sessions were last counted {_duration(recent.at - counted.at)} ago. "
            "Is the mail worker running?"
        )


def _seals(recent: RecentCounts) -> Iterable[Notice]:
    behind = seals.behind(recent.at)
    if behind and behind > OVERDUE:
        yield Notice(
            f"No event of the audit log has been sealed for {_duration(behind)}, although there "
            "are some to seal. Is the mail worker running (manage.py deliver_mail)? Its log says "
            "what it cannot do."
        )


def _last_day(recent: RecentCounts, kind: str) -> LinkedCount | None:
    series = Series("", (kind,))
    count = sum(n for key, n in recent.by_hour.items() if series.includes(key))
    return series.linked(count, recent.hours[0], recent.hours[-1] + HOUR) if count else None


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _duration(length: timedelta) -> str:
    """Return a length of time in words: ``3 days``, ``5 hours`` or ``12 minutes``."""
    for unit, noun in ((DAY, "day"), (HOUR, "hour")):
        if length >= unit * 2:
            return _many(length // unit, noun)
    return _many(max(length // timedelta(minutes=1), 1), "minute")
