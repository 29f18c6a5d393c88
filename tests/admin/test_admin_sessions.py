"""The session of the admin site: how long it lasts, and what ends it at once."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.urls import reverse
from django.utils.timezone import now

from accounts import password_reset
from accounts.admin import action_registry
from accounts.models import AuditEvent, User
from accounts.operators import actions
from tests.admin.sign_ins import INDEX, LIST, LOGIN, row, sign_in, signed_in, wait
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def tina(db):
    """Another super admin, who may decide about Olga."""
    return User.objects.create_superuser("tina", PASSWORD)


def test_the_cookie_goes_with_the_browser(client, olga):
    cookie = sign_in(client).cookies["authsvc_session"]
    assert (cookie["expires"], cookie["max-age"]) == ("", "")


def test_an_idle_operator_is_signed_out(client, olga):
    sign_in(client)
    wait(client, minutes=29)
    assert signed_in(client)
    wait(client, minutes=29)
    assert signed_in(client)
    wait(client, minutes=31)
    answer = client.get(LIST, follow=True)
    assert answer.redirect_chain == [(f"{LOGIN}?next={LIST}", 302)]
    assert (
        "You were signed out of the admin: idle for too long. Please sign in again."
        in answer.content.decode()
    )
    assert not BrowserSession.objects.exists()
    assert AuditEvent.objects.get(kind="logout").reason == "admin_idle"


def test_the_row_of_an_idle_session_expires_whatever_page_is_opened(client, olga):
    sign_in(client)
    assert timedelta(minutes=29) < row().expire_date - now() <= timedelta(minutes=30)
    BrowserSession.objects.update(expire_date=now())
    assert "olga" not in client.get(reverse("change-password")).content.decode()


def test_no_operator_stays_signed_in_for_longer_than_a_day_of_work(client, olga):
    sign_in(client)
    for _ in range(23):
        wait(client, minutes=20)
        assert signed_in(client)
    wait(client, minutes=20)
    assert not signed_in(client)
    assert AuditEvent.objects.get(kind="logout").reason == "admin_too_long"
    sign_in(client)
    assert signed_in(client)


def test_an_operator_sets_other_lengths(client, olga, settings):
    settings.ADMIN_IDLE, settings.ADMIN_SESSION = timedelta(minutes=2), timedelta(hours=1)
    sign_in(client)
    wait(client, minutes=3)
    assert not signed_in(client)


def test_an_operator_at_work_is_not_idle_however_short_that_is(client, olga, settings):
    settings.ADMIN_IDLE = timedelta(minutes=1)
    sign_in(client)
    for _ in range(5):
        wait(client, seconds=40)
        assert signed_in(client)


def test_signing_in_anew_begins_a_new_day(client, olga):
    sign_in(client)
    wait(client, hours=7)
    sign_in(client)
    for _ in range(4):
        wait(client, minutes=20)
        assert signed_in(client)


def test_the_row_is_written_once_a_minute(client, olga):
    sign_in(client)
    before = row()
    client.get(INDEX)
    assert row().session_data == before.session_data
    wait(client, minutes=2)
    before = row()
    client.get(INDEX)
    assert row().session_data != before.session_data


@pytest.mark.parametrize(
    "name", ["deactivate", "temporary_password", "force_change", "end_sessions", "change_role"]
)
def test_an_action_on_an_operator_ends_the_session_here(client, olga, tina, name):
    sign_in(client)
    action = action_registry.find(User, name).action
    choices = {"role": "user"} if name == "change_role" else {}
    actions.carry_out(action, operator=tina, user=olga, reason="left", **choices)
    assert not signed_in(client)
    User.objects.filter(pk=olga.pk).update(
        is_active=True, is_staff=True, is_superuser=True, must_change_password=False
    )
    assert not signed_in(client)


def test_a_reset_ends_the_session_here(client, olga):
    sign_in(client)
    password_reset.use_token(password_reset.make(olga).token, "another good horse")
    assert not signed_in(client)


def test_a_role_that_was_taken_by_hand_counts_at_once(client, olga):
    sign_in(client)
    User.objects.update(is_staff=False)
    assert not signed_in(client)


def test_a_refused_sign_in_says_what_is_true_of_user_names(client, olga):
    said = sign_in(client, "olga", "wrong").content.decode()
    assert "Wrong user name or password" in said
    assert "case-sensitive" not in said
    assert "User name:" in said
    assert sign_in(client, "OLGA").status_code == 302
    for page in (LIST, f"{LIST}add/"):
        shown = client.get(page).content.decode()
        assert "User name" in shown
        assert "Username" not in shown


def test_no_page_of_the_admin_leads_to_a_site_that_is_not_there(client, olga):
    client.force_login(olga)
    assert "View site" not in client.get(INDEX).content.decode()


@pytest.mark.parametrize(("path", "leads_back"), [("/admin/nothing/", True), ("/nothing/", False)])
def test_an_address_that_leads_nowhere_leads_back_to_the_admin_from_below_it(
    client, olga, path, leads_back
):
    client.force_login(olga)
    page = client.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert (f'<a href="{INDEX}">Back to the admin</a>' in page.content.decode()) is leads_back
