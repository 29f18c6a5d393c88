"""Olga the super admin and Stan the admin open the dashboard: each number links to its rows."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.admin import dashboard_charts
from accounts.audit import statistics
from accounts.models import AuditEvent
from apikeys.models import APIKey
from tests import busy_month
from tests.admin.dashboards import HOUR, PAGE, chart, numbers, rows_behind, text

pytestmark = pytest.mark.django_db
Kind = AuditEvent.Kind


def test_a_month_is_shown_by_the_hour_and_by_the_day(as_olga, alice):
    for at in (
        now() - 3 * HOUR,
        now() - 3 * HOUR,
        now() - timedelta(days=9),
        now() - timedelta(days=45),
    ):
        busy_month.event(
            Kind.LOGIN_FAILED, at, user=alice, reason="wrong_password", contract="form"
        )
    busy_month.event(
        Kind.LOGIN_FAILED,
        now() - 4 * HOUR,
        name="nobody",
        reason="no_such_account",
        contract="form",
    )
    busy_month.count()
    page = as_olga.get(PAGE)
    hours, days = (
        chart(page, "Refused logins, by true reason", heading)
        for heading in ("Last 24 hours", "Last 30 days")
    )
    assert [(label, number.count) for label, number in hours.legend] == [
        ("wrong password", 2),
        ("no such account", 1),
    ]
    assert [(label, number.count) for label, number in days.legend] == [
        ("wrong password", 3),
        ("no such account", 1),
    ]
    assert sum(interval.total.count for interval in days.intervals) == days.total.count == 4
    assert hours.intervals[-4].tooltip.endswith(":00: 2 (wrong password 2)")


def test_every_number_of_every_chart_leads_to_its_rows(as_olga, alice):
    busy_month.fill(alice, scale=0.1)
    busy_month.event(
        Kind.THROTTLED,
        now() - HOUR,
        user=alice,
        reason="guesses_by_name",
        data={"limit": 10, "seconds": 300},
        contract="form",
    )
    busy_month.event(Kind.REFRESH_REUSED, now() - 2 * HOUR, user=alice, reason="token_reused")
    busy_month.event(
        Kind.LOGIN, now() - HOUR, user=alice, reason="signed_in_to_keys", contract="keys"
    )
    busy_month.event(Kind.RESET_ASKED, now() - HOUR, user=alice, contract="form")
    busy_month.mail(alice, status="failed", at=now() - HOUR).save()
    busy_month.count()
    page = as_olga.get(PAGE)
    shown = {
        (title, heading): [
            number for number in numbers(chart(page, title, heading)) if number.count
        ]
        for title in [topic.title for topic in dashboard_charts.TOPICS]
        for heading in ("Last 24 hours", "Last 30 days")
    }
    assert len(shown) == 12
    assert {
        name: [rows_behind(as_olga, number) for number in found] for name, found in shown.items()
    } == {name: [number.count for number in found] for name, found in shown.items()}
    assert all(shown.values())


def test_the_rarest_of_many_reasons_are_one_number(as_olga):
    for number in range(9):
        for _ in range(number + 1):
            busy_month.event(Kind.REFRESH_FAILED, now(), reason=f"reason {number}")
    legend = chart(as_olga.get(PAGE), "Refused refreshes, by true reason").legend
    assert [(label, number.count) for label, number in legend] == [
        *((f"reason {n}", n + 1) for n in (8, 7, 6, 5, 4, 3)),
        ("Others", 6),
    ]
    assert legend[-1][1].url == ""


def test_live_sessions_and_keys_lead_to_their_rows(as_olga, alice):
    for contract in ("bearer", "bearer", "camel"):
        busy_month.session(alice, contract)
    busy_month.session(alice, "bearer", revoked_at=now())
    APIKey.objects.issue(alice.pk)
    statistics.update()
    page = as_olga.get(PAGE)
    live = page.context["live"]
    assert [(share.contract, share.sessions.count) for share in live.contracts] == [
        ("bearer", 2),
        ("camel", 1),
    ]
    assert [rows_behind(as_olga, share.sessions) for share in live.contracts] == [2, 1]
    assert (rows_behind(as_olga, live.sessions), rows_behind(as_olga, live.others[0][1])) == (3, 1)
    assert f"3 sessions, 1 API key, counted at {live.at:%H:%M}." in text(page)


def test_a_user_who_is_no_operator_sees_nothing(client, alice):
    client.force_login(alice)
    assert client.get(PAGE).status_code == 302


def test_a_reason_of_another_release_is_escaped(as_olga):
    busy_month.event(Kind.LOGIN_FAILED, now(), reason="<script>alert(1)</script>", contract="form")
    assert "<script>alert" not in as_olga.get(PAGE).content.decode()


def test_the_shortcuts_lead_to_their_pages(as_olga):
    page = as_olga.get(PAGE)
    assert [label for label, _ in page.context["shortcuts"]][:2] == ["Find user", "Invite user"]
    assert [as_olga.get(url).status_code for _, url in page.context["shortcuts"]] == [200] * len(
        page.context["shortcuts"]
    )


@pytest.mark.parametrize("scale", [0.05, 0.2])
def test_the_page_costs_the_same_whatever_happened(
    as_olga, alice, scale, django_assert_num_queries
):
    busy_month.fill(alice, scale)
    busy_month.mail(alice, status="waiting", at=now() + HOUR, error="421 try later").save()
    busy_month.count()
    statistics.update()
    as_olga.get(PAGE)
    with django_assert_num_queries(14):
        as_olga.get(PAGE)
