"""The dashboard tells operators what needs them: mail, attacks, counts, seals, signing keys."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts import keyring
from accounts.admin import dashboard
from accounts.audit import seals, statistics
from accounts.models import AuditEvent, HourlyCount, SigningKey, User
from apikeys.audit_codes import KeyEventKind
from tests import busy_month
from tests.admin.dashboards import HOUR, PAGE, notices, rows_behind, text
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
Kind = AuditEvent.Kind


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


@pytest.mark.own_sql
def test_failing_mail_is_shown_with_the_mail_servers_words(as_olga, alice):
    busy_month.mail(
        alice, status="waiting", at=now() + HOUR, error="421 try <later>", tries=3
    ).save()
    busy_month.mail(alice, status="waiting", at=now() + HOUR, tries=0).save()
    busy_month.mail(alice, status="failed", at=now() - HOUR, error="550 no such mailbox").save()
    busy_month.event(Kind.RESET_ASKED, now() - HOUR, user=alice)
    seals.seal(None)
    page = as_olga.get(PAGE)
    mail = page.context["mail"]
    assert "421 try <later>" in text(page)
    assert "550 no such mailbox" in text(page)
    assert "<later>" not in page.content.decode()
    assert (mail.waiting.count, mail.failing.count) == (2, 1)
    assert (rows_behind(as_olga, mail.waiting), rows_behind(as_olga, mail.failing)) == (2, 1)
    assert notices(page) == [
        "The mail server has not taken 1 mail so far; they are tried again for a day.",
        "1 mail failed in the last 24 hours. They can be sent again.",
    ]


def test_a_mail_worker_that_does_not_run_is_noticed(as_olga, alice):
    busy_month.mail(alice, status="waiting", at=now() - timedelta(minutes=12), tries=0).save()
    assert notices(as_olga.get(PAGE)) == [
        "A mail has been due for 12 minutes. Is the mail worker running (manage.py deliver_mail)?"
    ]


def test_a_mail_that_is_due_now_is_no_trouble(as_olga, alice):
    busy_month.mail(alice, status="waiting", at=now() - timedelta(minutes=1), tries=0).save()
    assert notices(as_olga.get(PAGE)) == []


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
def test_a_sign_of_an_attack_is_noticed_for_a_day(as_olga, alice, kind, notice):
    busy_month.event(kind, now() - 2 * HOUR, user=alice)
    busy_month.event(kind, now() - timedelta(days=3), user=alice)
    seals.seal(None)
    page = as_olga.get(PAGE)
    assert notices(page) == [notice]
    assert as_olga.get(page.context["notices"][0].url).context["cl"].queryset.count() == 1


def test_a_quiet_morning(as_olga):
    page = as_olga.get(PAGE)
    assert "<p> 0 waiting, 0 of them after a failed try. </p>" in " ".join(
        page.content.decode().split()
    )
    assert "All is well. Nothing needs you now." in text(page)
    assert "No login was refused. Not in the last 30 days." in text(page)
    assert "No mail has failed." in text(page)


def test_counts_that_lag_behind_are_announced(as_olga, alice, monkeypatch):
    busy_month.event(Kind.LOGIN, now() - timedelta(days=9), user=alice)
    monkeypatch.setattr(statistics, "MAX_COUNTING_TIME", timedelta(0))
    assert "are still being counted: open this page again in a moment." in text(as_olga.get(PAGE))


@pytest.mark.own_sql
def test_live_counts_that_are_old_are_announced(as_olga, alice):
    statistics.update()
    HourlyCount.objects.filter(kind="live_sessions").update(counted_at=now() - 5 * HOUR)
    assert notices(as_olga.get(PAGE)) == [
        "Active sessions were last counted 5 hours ago. Is the mail worker running?"
    ]


@pytest.mark.own_sql
def test_events_that_are_not_sealed_are_announced(as_olga, alice):
    busy_month.event(Kind.LOGIN, now() - timedelta(minutes=3), user=alice)
    assert notices(as_olga.get(PAGE)) == []
    busy_month.event(Kind.LOGIN, now() - timedelta(minutes=12), user=alice)
    assert notices(as_olga.get(PAGE))[0].startswith(
        "No event of the audit log has been sealed for 12 minutes, although there are some"
    )
    seals.seal()
    assert notices(as_olga.get(PAGE)) == []
    busy_month.event(Kind.LOGIN, now() - timedelta(minutes=12), user=alice)
    assert notices(as_olga.get(PAGE)) == [], (
        "an event that was written lately is sealed within the minute, whatever time it has"
    )


@pytest.mark.own_sql
def test_a_signing_key_is_as_old_as_its_work(as_olga):
    keyring.current()
    SigningKey.objects.update(created_at=now() - timedelta(days=200))
    assert notices(as_olga.get(PAGE)) == [
        "The same key has signed for 200 days; it is time to rotate it."
    ]
    busy_month.event(Kind.SIGNING_KEY_ROTATED, now() - timedelta(days=12))
    seals.seal(None)
    page = as_olga.get(PAGE)
    assert notices(page) == []
    assert ": 12 days. Rotation is not due." in text(page)


def test_stan_sees_nothing_of_signing_keys(as_stan):
    keyring.current()
    SigningKey.objects.update(created_at=now() - timedelta(days=200))
    page = as_stan.get(PAGE)
    assert (page.status_code, page.context["signing_keys"], notices(page)) == (200, None, [])
    assert "signing" not in text(page).lower()
