"""The login of the admin site: limited like every other, and recorded."""

import re

import pytest
from django.contrib.auth.hashers import make_password
from django.urls import reverse

from accounts import identities, sessions
from accounts.errors import InvalidToken
from accounts.models import AuditEvent, User
from authsvc.contracts import bearer
from tests.admin.sign_ins import INDEX, LOGOUT, sign_in, signed_in
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract.policy, username, password)


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
