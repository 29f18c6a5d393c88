"""Live sessions and keys are counted every few minutes, by one worker."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import F
from django.utils.timezone import now

from accounts.audit import live_counts, statistics
from accounts.models import HourlyCount, OutgoingMail
from apikeys.models import APIKey
from tests import busy_month

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
HOUR = timedelta(hours=1)


def an_hour_later():
    """Make the next live count due."""
    HourlyCount.objects.filter(kind=live_counts.DUE).update(counted_at=now() - HOUR)


def test_live_sessions_are_counted_by_contract_and_keys_together(alice):
    for contract in ("bearer", "bearer", "form"):
        busy_month.session(alice, contract)
    busy_month.session(alice, "camel", expires_at=now() - HOUR)
    busy_month.session(alice, "camel").delete()
    APIKey.objects.issue(alice.pk)
    statistics.update()
    live = statistics.recent().live
    assert (live["live_sessions"].total, live["live_sessions"].by_contract) == (
        3,
        {"bearer": 2, "form": 1},
    )
    assert (live["live_keys"].total, live["live_keys"].by_contract) == (1, {})
    assert now() - live["live_keys"].at < timedelta(minutes=1)


def test_live_counts_are_made_every_five_minutes_by_one_of_many(alice):
    assert live_counts.count_if_due()
    busy_month.session(alice, "bearer")
    assert not live_counts.count_if_due()
    assert statistics.recent().live["live_sessions"].total == 0
    an_hour_later()
    assert live_counts.count_if_due()
    assert statistics.recent().live["live_sessions"].total == 1


def test_a_contract_whose_last_session_ended_is_counted_no_more(alice):
    busy_month.session(alice, "bearer")
    live_counts.count_if_due()
    alice.invalidate_credentials("ended_by_operator")
    an_hour_later()
    live_counts.count_if_due()
    live = statistics.recent().live["live_sessions"]
    assert (live.total, live.by_contract) == (0, {})


def test_live_counts_take_a_hundredth_of_the_time(alice, monkeypatch):
    monkeypatch.setattr(live_counts, "IDLE_FACTOR", 10**9)
    live_counts.count_if_due()
    assert HourlyCount.objects.get(kind=live_counts.DUE).counted_at > now() + timedelta(hours=1)


def test_without_mail_there_is_no_worker_and_the_page_counts_itself(alice, settings):
    settings.EMAILS_ENABLED = False
    busy_month.session(alice, "bearer")
    assert statistics.recent().live["live_sessions"].total == 1


@pytest.mark.django_db(transaction=True)
def test_mails_go_out_whatever_is_wrong_with_the_counting(
    alice, mailbox_of_files, monkeypatch, caplog
):
    monkeypatch.setitem(live_counts.COUNTERS, "live_mistakes", lambda: Counter({"": 1 // 0}))
    busy_month.mail(alice, status="waiting", at=now()).save()
    call_command("deliver_mail", once=True)
    assert OutgoingMail.objects.get().status == "sent"
    assert "nothing was counted for the admin site (ZeroDivisionError)" in caplog.text


@pytest.fixture
def mailbox_of_files(settings, tmp_path):
    settings.EMAIL_FILE_PATH = str(tmp_path)


@pytest.mark.parametrize(("few", "sessions"), [(2, 1), (0, 0)])
def test_live_counts_are_made_every_minute_while_there_is_little(alice, monkeypatch, few, sessions):
    """The first logins show soon on a service that has just started."""
    monkeypatch.setattr(live_counts, "FEW", few)
    live_counts.count_if_due()
    busy_month.session(alice, "bearer")
    HourlyCount.objects.filter(kind=live_counts.DUE).update(
        counted_at=F("counted_at") - timedelta(minutes=1)
    )
    statistics.update()
    assert statistics.recent().live["live_sessions"].total == sessions
