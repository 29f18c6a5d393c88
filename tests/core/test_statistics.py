"""Statistics: each event and mail is counted once, in the hour in which it happened."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils.timezone import now

from accounts.audit import audit_log, statistics
from accounts.models import AuditEvent, HourlyCount, OutgoingMail
from accounts.privacy import erasure, retention
from tests import busy_month
from tests.busy_month import hour_of

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind
HOUR = timedelta(hours=1)


def counted(kind=Kind.LOGIN):
    """Return the stored counts of a kind, by the hour."""
    return dict(HourlyCount.objects.filter(kind=kind).values_list("hour", "count"))


def recent_totals(kind, **fields):
    """Return how many of a kind the last 24 hours and the last 30 days have."""
    recent = statistics.recent()
    return tuple(
        sum(
            n
            for key, n in counts.items()
            if key.kind == kind
            and all(getattr(key, name) == value for name, value in fields.items())
        )
        for counts in (recent.by_hour, recent.by_day)
    )


@pytest.fixture
def busy(alice):
    """Alice logged in once twenty days ago, twice three hours ago, and now."""
    hours = [hour_of(now()) - 20 * 24 * HOUR, hour_of(now()) - 3 * HOUR]
    for at in (hours[0], hours[1], hours[1] + 59 * timedelta(minutes=1)):
        busy_month.event(Kind.LOGIN, at, user=alice, contract="bearer")
    audit_log.record(Kind.LOGIN, user=alice)
    return hours


def test_hours_are_counted_when_they_are_closed_and_the_present_one_as_it_is(busy):
    assert recent_totals(Kind.LOGIN) == (3, 4)
    assert counted() == {busy[0]: 1, busy[1]: 2}


def test_a_new_event_is_seen_at_once(busy, alice):
    statistics.update()
    audit_log.record(Kind.LOGIN, user=alice)
    assert recent_totals(Kind.LOGIN) == (4, 5)


def test_an_hour_stays_open_for_ten_minutes_after_its_end(busy):
    at, until = statistics.close_hours()
    assert until == hour_of(at - timedelta(minutes=10))


def test_counting_twice_is_counting_once(busy):
    for _ in range(2):
        HourlyCount.objects.filter(kind=statistics.CLOSED_UNTIL).delete()
        statistics.update()
    assert counted() == {busy[0]: 1, busy[1]: 2}
    assert recent_totals(Kind.LOGIN) == (3, 4)


@pytest.mark.django_db(transaction=True)
def test_many_workers_count_once(busy):
    def work():
        last = hour_of(now() - statistics.CLOSED_AFTER)
        try:
            while statistics.close_hours()[1] < last:
                pass  # on a busy machine one call does not get through them all
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    failures: list[Exception] = []
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    assert counted() == {busy[0]: 1, busy[1]: 2}
    assert recent_totals(Kind.LOGIN) == (3, 4)


def test_an_event_of_a_closed_hour_is_in_the_audit_log_only(busy, alice):
    statistics.update()
    busy_month.event(Kind.LOGIN, busy[1], user=alice)
    assert recent_totals(Kind.LOGIN) == (3, 4)
    assert AuditEvent.objects.filter(kind=Kind.LOGIN).count() == 5


def test_counting_goes_on_after_a_day_without_a_worker(busy, alice):
    HourlyCount.objects.create(hour=busy[1], kind=statistics.CLOSED_UNTIL, counted_at=busy[1])
    HourlyCount.objects.create(
        hour=busy[0], kind=Kind.LOGIN, contract="bearer", count=1, counted_at=busy[1]
    )
    assert recent_totals(Kind.LOGIN) == (3, 4)
    assert counted() == {busy[0]: 1, busy[1]: 2}


def test_counting_that_lags_behind_says_so(busy, monkeypatch):
    monkeypatch.setattr(statistics, "MAX_COUNTING_TIME", timedelta(0))
    recent = statistics.recent()
    assert (recent.counted_until, recent.by_day.total()) == (busy[0], 0)


def test_an_event_of_more_than_a_month_ago_is_not_counted(alice):
    busy_month.event(Kind.LOGIN, now() - timedelta(days=40), user=alice)
    statistics.update()
    assert counted() == {}


def test_refusals_are_counted_by_reason_and_contract(alice):
    at = hour_of(now()) - 5 * HOUR
    for reason, contract in (
        ("wrong_password", "form"),
        ("wrong_password", "camel"),
        ("no_such_account", "form"),
    ):
        busy_month.event(Kind.LOGIN_FAILED, at, reason=reason, contract=contract)
    busy_month.event(Kind.ACCOUNT_CHANGED, at, reason="what an operator typed")
    statistics.update()
    kept = Counter(
        {
            row[:3]: row[3]
            for row in HourlyCount.objects.filter(hour=at).values_list(
                "kind", "contract", "reason", "count"
            )
        }
    )
    assert kept == {
        ("login_failed", "form", "wrong_password"): 1,
        ("login_failed", "camel", "wrong_password"): 1,
        ("login_failed", "form", "no_such_account"): 1,
        ("account_changed", "", ""): 1,
    }


def test_reasons_that_a_client_varies_do_not_fill_the_table():
    at = hour_of(now()) - 5 * HOUR
    for number in range(50):
        busy_month.event(Kind.REFRESH_FAILED, at, reason=f"issued by {number}")
    for _ in range(3):
        busy_month.event(Kind.REFRESH_FAILED, at, reason="session_ended")
    statistics.update()
    rows = dict(HourlyCount.objects.filter(kind=Kind.REFRESH_FAILED).values_list("reason", "count"))
    assert (len(rows), rows["session_ended"], rows["other"], sum(rows.values())) == (21, 3, 31, 53)


def test_mails_are_counted_by_status_when_they_are_closed(alice):
    at = hour_of(now()) - 5 * HOUR
    for status, when in (
        ("sent", at),
        ("sent", at),
        ("failed", at - 10 * 24 * HOUR),
        ("sent", now()),
        ("waiting", at),
    ):
        busy_month.mail(alice, status=status, at=when).save()
    busy_month.event(Kind.RESET_ASKED, at - 10 * 24 * HOUR, user=alice)
    assert (
        recent_totals("mail_sent"),
        recent_totals("mail_failed"),
        recent_totals("mail_waiting"),
    ) == (
        (3, 3),
        (0, 1),
        (0, 0),
    )
    assert counted("mail_sent") == {at: 2}


def test_counts_stay_when_the_mails_are_pruned(alice):
    busy_month.event(Kind.RESET_ASKED, now() - 20 * 24 * HOUR, user=alice)
    busy_month.mail(alice, status="sent", at=now() - 20 * 24 * HOUR).save()
    statistics.update()
    retention.prune(timedelta(days=10))
    assert not OutgoingMail.objects.exists()
    assert recent_totals("mail_sent") == (0, 1)


def test_counts_stay_when_a_user_is_erased(busy, alice, olga):
    busy_month.mail(alice, status="sent", at=busy[1]).save()
    before = statistics.recent()
    erasure.erase(alice)
    after = statistics.recent()
    own = {key for key in (*after.by_hour, *after.by_day) if key.kind == Kind.ERASED}
    assert len(own) == 2, "of this hour and of this day"
    for key in own:
        del after.by_hour[key], after.by_day[key]
    assert (after.by_hour, after.by_day) == (before.by_hour, before.by_day)


def test_days_and_hours_begin_when_those_of_utc_do(busy):
    recent = statistics.recent()
    assert (len(recent.hours), len(recent.days)) == (24, 30)
    assert recent.hours[-1] == hour_of(now())
    assert recent.days[-1] == datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert {key.start for key in recent.by_day} <= set(recent.days)
    assert {key.start for key in recent.by_hour} <= set(recent.hours)


def test_an_empty_service_has_counted_nothing():
    recent = statistics.recent()
    assert (recent.by_hour, recent.by_day, recent.live, recent.counted_until) == (
        Counter(),
        Counter(),
        {},
        None,
    )


@pytest.mark.django_db(transaction=True)
def test_the_mail_worker_counts(busy, alice):
    busy_month.session(alice, "bearer")
    call_command("deliver_mail", once=True)
    assert counted() == {busy[0]: 1, busy[1]: 2}
    assert counted("live_sessions")
