"""Olga the super admin and Stan the admin open the dashboard: each number links to its rows."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils.timezone import now

from accounts import keyring
from accounts.admin import dashboard, dashboard_charts
from accounts.audit import seals, statistics
from accounts.models import AuditEvent, HourlyCount, SigningKey, User
from apikeys.audit_codes import KeyEventKind
from apikeys.models import APIKey
from tests import busy_month
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
Kind = AuditEvent.Kind
PAGE = "/admin/"
HOUR = timedelta(hours=1)


@pytest.fixture
def desk(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture
def stans_desk(client):
    client.force_login(User.objects.create_user("stan", PASSWORD, is_staff=True))
    return client


def text(page):
    """The text of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def notices(page):
    return [notice.text for notice in page.context["notices"]]


def chart(page, title, heading="Last 24 hours"):
    pair = next(
        (hours, days) for topic, hours, days in page.context["topics"] if topic.title == title
    )
    return next(chart for chart in pair if chart.heading == heading)


def numbers(chart):
    """Return what links to rows: the total, the legend and the newest interval with events."""
    last = next(interval for interval in chart.newest_first if interval.total.count)
    return [chart.total, *(number for _, number in chart.legend), *last.numbers, last.total]


def rows_behind(client, number):
    """Return how many rows the list has that a number links to."""
    return client.get(number.url).context["cl"].queryset.count()


def test_a_generated_password_is_to_be_changed_by_its_owner_or_by_another_super_admin(
    client, alice
):
    first = User.objects.create_superuser("admin", PASSWORD, password_generated=True)
    other, stan = (
        User.objects.create_superuser("tina", PASSWORD),
        User.objects.create_user("stan", PASSWORD, is_staff=True),
    )
    seen = {}
    for user in (first, other, stan):
        client.force_login(user)
        seen[user] = client.get("/admin/").content.decode()
    assert (
        'href="/change-password">Your password is still the one that was generated' in seen[first]
    )
    assert (
        f'href="/admin/accounts/user/{first.pk}/change/">The password of admin is still the one'
        in seen[other]
    )
    assert "generated" not in seen[stan]
    client.force_login(first)
    client.post(
        "/change-password",
        {"identifier": "admin", "current": PASSWORD, "password": "four small green lamps"},
    )
    assert "generated" not in client.get("/admin/").content.decode()


def test_a_month_is_shown_by_the_hour_and_by_the_day(desk, alice):
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
    page = desk.get(PAGE)
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


def test_every_number_of_every_chart_leads_to_its_rows(desk, alice):
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
    page = desk.get(PAGE)
    shown = {
        (title, heading): [
            number for number in numbers(chart(page, title, heading)) if number.count
        ]
        for title in [topic.title for topic in dashboard_charts.TOPICS]
        for heading in ("Last 24 hours", "Last 30 days")
    }
    assert len(shown) == 12
    assert {
        name: [rows_behind(desk, number) for number in found] for name, found in shown.items()
    } == {name: [number.count for number in found] for name, found in shown.items()}
    assert all(shown.values())


def test_the_rarest_of_many_reasons_are_one_number(desk):
    for number in range(9):
        for _ in range(number + 1):
            busy_month.event(Kind.REFRESH_FAILED, now(), reason=f"reason {number}")
    legend = chart(desk.get(PAGE), "Refused refreshes, by true reason").legend
    assert [(label, number.count) for label, number in legend] == [
        *((f"reason {n}", n + 1) for n in (8, 7, 6, 5, 4, 3)),
        ("Others", 6),
    ]
    assert legend[-1][1].url == ""


def test_live_sessions_and_keys_lead_to_their_rows(desk, alice):
    for contract in ("bearer", "bearer", "camel"):
        busy_month.session(alice, contract)
    busy_month.session(alice, "bearer", revoked_at=now())
    APIKey.objects.issue(alice.pk)
    statistics.update()
    page = desk.get(PAGE)
    live = page.context["live"]
    assert [(share.contract, share.sessions.count) for share in live.contracts] == [
        ("bearer", 2),
        ("camel", 1),
    ]
    assert [rows_behind(desk, share.sessions) for share in live.contracts] == [2, 1]
    assert (rows_behind(desk, live.sessions), rows_behind(desk, live.others[0][1])) == (3, 1)
    assert f"3 sessions, 1 API key, counted at {live.at:%H:%M}." in text(page)


@pytest.mark.own_sql
def test_failing_mail_is_shown_with_the_mail_servers_words(desk, alice):
    busy_month.mail(
        alice, status="waiting", at=now() + HOUR, error="421 try <later>", tries=3
    ).save()
    busy_month.mail(alice, status="waiting", at=now() + HOUR, tries=0).save()
    busy_month.mail(alice, status="failed", at=now() - HOUR, error="550 no such mailbox").save()
    busy_month.event(Kind.RESET_ASKED, now() - HOUR, user=alice)
    seals.seal(None)
    page = desk.get(PAGE)
    mail = page.context["mail"]
    assert "421 try <later>" in text(page)
    assert "550 no such mailbox" in text(page)
    assert "<later>" not in page.content.decode()
    assert (mail.waiting.count, mail.failing.count) == (2, 1)
    assert (rows_behind(desk, mail.waiting), rows_behind(desk, mail.failing)) == (2, 1)
    assert notices(page) == [
        "The mail server has not taken 1 mail so far; they are tried again for a day.",
        "1 mail failed in the last 24 hours. They can be sent again.",
    ]


def test_a_mail_worker_that_does_not_run_is_noticed(desk, alice):
    busy_month.mail(alice, status="waiting", at=now() - timedelta(minutes=12), tries=0).save()
    assert notices(desk.get(PAGE)) == [
        "A mail has been due for 12 minutes. Is the mail worker running (manage.py deliver_mail)?"
    ]


def test_a_mail_that_is_due_now_is_no_trouble(desk, alice):
    busy_month.mail(alice, status="waiting", at=now() - timedelta(minutes=1), tries=0).save()
    assert notices(desk.get(PAGE)) == []


@pytest.mark.parametrize(
    ("refused", "logins", "noticed"), [(10, 0, True), (9, 0, False), (10, 1, False)]
)
def test_a_notice_says_that_no_user_can_log_in(alice, refused, logins, noticed):
    for _ in range(refused):
        busy_month.event(Kind.LOGIN_FAILED, now(), user=alice, reason="wrong_password")
    for _ in range(logins):
        busy_month.event(Kind.LOGIN, now(), user=alice)
    texts = [notice.text for notice in dashboard.context(alice)["notices"]]
    since = busy_month.hour_of(now()) - HOUR
    assert texts == (
        [f"No user has logged in since {since:%H:%M}, and 10 logins were refused."]
        if noticed
        else []
    )


@pytest.mark.own_sql
@pytest.mark.parametrize(
    ("kind", "notice"),
    [
        (
            KeyEventKind.KEY_LEAKED,
            "An API key was reported as leaked, and ended: 1 time in the last 24 hours.",
        ),
        (
            Kind.REFRESH_REUSED,
            "A spent refresh token was used again, and its session ended: 1 time in the last 24 "
            "hours.",
        ),
        (
            Kind.LOG_CHANGED,
            "The audit log is not as it was sealed (manage.py verify_audit_log): found 1 time in "
            "the last 24 hours.",
        ),
        (
            Kind.ACTION_REFUSED,
            "An operator tried what their role does not allow: 1 time in the last 24 hours.",
        ),
    ],
)
def test_a_sign_of_an_attack_is_noticed_for_a_day(desk, alice, kind, notice):
    busy_month.event(kind, now() - 2 * HOUR, user=alice)
    busy_month.event(kind, now() - timedelta(days=3), user=alice)
    seals.seal(None)
    page = desk.get(PAGE)
    assert notices(page) == [notice]
    assert desk.get(page.context["notices"][0].url).context["cl"].queryset.count() == 1


def test_a_quiet_morning(desk):
    page = desk.get(PAGE)
    assert "<p> 0 waiting, 0 of them after a failed try. </p>" in " ".join(
        page.content.decode().split()
    )
    assert "All is well. Nothing needs you now." in text(page)
    assert "No login was refused. Not in the last 30 days." in text(page)
    assert "No mail has failed." in text(page)


def test_counts_that_lag_behind_are_announced(desk, alice, monkeypatch):
    busy_month.event(Kind.LOGIN, now() - timedelta(days=9), user=alice)
    monkeypatch.setattr(statistics, "MAX_COUNTING_TIME", timedelta(0))
    assert "are still being counted: open this page again in a moment." in text(desk.get(PAGE))


@pytest.mark.own_sql
def test_live_counts_that_are_old_are_announced(desk, alice):
    statistics.update()
    HourlyCount.objects.filter(kind="live_sessions").update(counted_at=now() - 5 * HOUR)
    assert notices(desk.get(PAGE)) == [
        "Active sessions were last counted 5 hours ago. Is the mail worker running?"
    ]


@pytest.mark.own_sql
def test_events_that_are_not_sealed_are_announced(desk, alice):
    busy_month.event(Kind.LOGIN, now() - timedelta(minutes=3), user=alice)
    assert notices(desk.get(PAGE)) == []
    busy_month.event(Kind.LOGIN, now() - timedelta(minutes=12), user=alice)
    assert notices(desk.get(PAGE))[0].startswith(
        "No event of the audit log has been sealed for 12 minutes, although there are some"
    )
    seals.seal()
    assert notices(desk.get(PAGE)) == []
    busy_month.event(Kind.LOGIN, now() - timedelta(minutes=12), user=alice)
    assert notices(desk.get(PAGE)) == [], (
        "an event that was written lately is sealed within the minute, whatever time it has"
    )


@pytest.mark.own_sql
def test_a_signing_key_is_as_old_as_its_work(desk):
    keyring.current()
    SigningKey.objects.update(created_at=now() - timedelta(days=200))
    assert notices(desk.get(PAGE)) == [
        "The same key has signed for 200 days; it is time to rotate it."
    ]
    busy_month.event(Kind.SIGNING_KEY_ROTATED, now() - timedelta(days=12))
    seals.seal(None)
    page = desk.get(PAGE)
    assert notices(page) == []
    assert ": 12 days. Rotation is not due." in text(page)


def test_stan_sees_nothing_of_signing_keys(stans_desk):
    keyring.current()
    SigningKey.objects.update(created_at=now() - timedelta(days=200))
    page = stans_desk.get(PAGE)
    assert (page.status_code, page.context["signing_keys"], notices(page)) == (200, None, [])
    assert "signing" not in text(page).lower()


def test_a_user_who_is_no_operator_sees_nothing(client, alice):
    client.force_login(alice)
    assert client.get(PAGE).status_code == 302


def test_a_reason_of_another_release_is_escaped(desk):
    busy_month.event(Kind.LOGIN_FAILED, now(), reason="<script>alert(1)</script>", contract="form")
    assert "<script>alert" not in desk.get(PAGE).content.decode()


def test_the_shortcuts_lead_to_their_pages(desk):
    page = desk.get(PAGE)
    assert [label for label, _ in page.context["shortcuts"]][:2] == ["Find user", "Invite user"]
    assert [desk.get(url).status_code for _, url in page.context["shortcuts"]] == [200] * len(
        page.context["shortcuts"]
    )


@pytest.mark.parametrize("scale", [0.05, 0.2])
def test_the_page_costs_the_same_whatever_happened(desk, alice, scale, django_assert_num_queries):
    busy_month.fill(alice, scale)
    busy_month.mail(alice, status="waiting", at=now() + HOUR, error="421 try later").save()
    busy_month.count()
    statistics.update()
    desk.get(PAGE)
    with django_assert_num_queries(14):
        desk.get(PAGE)
