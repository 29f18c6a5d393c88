"""The login of the admin site: limited like every other, a short session, all recorded."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session as BrowserSession
from django.urls import reverse
from django.utils.timezone import now

from accounts import identities, password_reset, sessions
from accounts.admin import action_registry
from accounts.errors import InvalidToken
from accounts.models import AuditEvent, User
from accounts.operators import actions
from authsvc.contracts import bearer
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST, LOGIN, LOGOUT, INDEX = (
    reverse(f"admin:{name}") for name in ("accounts_user_changelist", "login", "logout", "index")
)


@pytest.fixture
def tina(db):
    """Another super admin, who may decide about Olga."""
    return User.objects.create_superuser("tina", PASSWORD)


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract.policy, username, password)


def sign_in(client, username="olga", password=PASSWORD, **more):
    return client.post(LOGIN, {"username": username, "password": password, "next": INDEX}, **more)


def signed_in(client):
    return client.get(INDEX).status_code == 200


def wait(client, **length):
    """As if everything in this browser's session had happened so long ago."""
    ago = int(timedelta(**length).total_seconds())
    session = client.session
    session.update(
        {
            key: session[key] - ago
            for key in ("entered_at", "seen_at", "password_given_at")
            if key in session
        }
    )
    session.save()


def row():
    return BrowserSession.objects.get()


def test_olga_signs_in(client, olga):
    answer = sign_in(client, " OLGA@example.com")
    assert (answer.status_code, answer["Location"]) == (302, INDEX)
    assert signed_in(client)


@pytest.mark.parametrize(
    ("username", "password"), [("olga", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD)]
)
def test_a_wrong_sign_in_says_the_same_for_every_account(client, olga, username, password):
    User.objects.create_superuser("gone", PASSWORD, is_active=False)
    answer = sign_in(client, username, password)
    said = re.search(r'class="errornote">\s*(.*?)\s*</p>', answer.content.decode(), re.DOTALL)
    assert said
    assert said.group(1).startswith(
        "Wrong user name or password, or the account may not work here."
    )
    assert not signed_in(client)


def test_an_operator_who_must_change_the_password_is_not_let_in(client, olga):
    User.objects.update(must_change_password=True)
    answer = sign_in(client)
    assert (answer.status_code, "Password change required" in answer.content.decode()) == (
        200,
        True,
    )
    assert not signed_in(client)


def test_failures_here_and_at_the_api_share_one_budget(client, caller, olga):
    for _ in range(5):
        sign_in(client, password="wrong")
        caller.json("/v1/login", {"username": "olga", "password": "wrong"})
    assert caller.json("/v1/login", {"username": "olga", "password": PASSWORD}).status_code == 429
    answer = sign_in(client, "Olga")
    assert re.search(
        r"Too many login attempts\. Please try again in [1-5] min\.", answer.content.decode()
    )
    assert not signed_in(client)


def test_a_right_sign_in_costs_nothing_of_the_budget(client, olga, alice):
    for _ in range(12):
        assert sign_in(client).status_code == 302
        client.logout()
    assert sign_in(client).status_code == 302


def test_a_sign_in_is_on_record_and_so_are_a_refusal_and_the_way_out(client, olga):
    sign_in(client, password="wrong")
    sign_in(client)
    client.post(LOGOUT)
    failed, succeeded, left = AuditEvent.objects.order_by("pk")
    assert (failed.kind, failed.user, failed.reason) == (
        AuditEvent.Kind.LOGIN_FAILED,
        olga,
        "wrong_password",
    )
    assert (succeeded.kind, succeeded.user, succeeded.address) == (
        AuditEvent.Kind.LOGIN,
        olga,
        "127.0.0.1",
    )
    assert (left.kind, left.user, left.reason) == (
        AuditEvent.Kind.LOGOUT,
        olga,
        "signed_out_of_admin",
    )
    assert {event.contract for event in (failed, succeeded, left)} == {"admin"}
    assert not signed_in(client)


@pytest.mark.parametrize(
    ("who", "reason"), [("alice", "not_an_operator"), ("olga", "password_change_required")]
)
def test_a_right_password_that_opens_nothing_here_is_on_record(client, alice, olga, who, reason):
    User.objects.filter(username="olga").update(must_change_password=True)
    sign_in(client, who)
    event = AuditEvent.objects.get()
    assert (event.kind, event.name, event.reason, event.contract) == (
        "login_failed",
        who,
        reason,
        "admin",
    )


def test_an_upgraded_hash_ends_no_session_here_or_there(client, olga):
    token = log_in("olga").access
    sign_in(client)
    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert log_in("olga").access
    olga.refresh_from_db()
    assert olga.password.startswith("argon2")
    assert signed_in(client)
    assert identities.identify(token).username == "olga"


def test_an_upgrade_at_the_sign_in_itself_lets_in(client, olga):
    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert sign_in(client).status_code == 302
    assert signed_in(client)


def test_a_password_set_anew_or_a_deactivation_ends_the_session_here(client, olga):
    sign_in(client)
    olga.set_password("another good horse")
    olga.save()
    assert not signed_in(client)
    sign_in(client, password="another good horse")
    assert signed_in(client)
    olga.is_active = False
    olga.save()
    assert not signed_in(client)


def test_olga_changes_her_own_password_and_stays(client, olga):
    token = log_in("olga").access
    sign_in(client)
    page = client.get(reverse("admin:password_change"))["Location"]
    assert (
        client.post(
            page, {"identifier": "olga", "current": PASSWORD, "password": "another good horse"}
        ).status_code
        == 302
    )
    assert signed_in(client)
    with pytest.raises(InvalidToken):
        identities.identify(token)


def test_the_cookies_here_are_not_for_scripts(client, olga):
    cookie = sign_in(client).cookies["authsvc_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")


def test_no_page_is_kept_or_framed(client, olga):
    sign_in(client)
    answer = client.get(INDEX)
    assert answer["X-Frame-Options"] == "DENY"
    assert "no-store" in answer["Cache-Control"]


# How long it lasts


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


# What ends it at once


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
