"""Audit events: their user, address and request, and the true reason."""

import pytest
from django.db.models import ProtectedError
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import audit_log
from accounts.models import AuditEvent, Session, User
from accounts.request_context import RequestContext
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind
LOGIN = "/c/bearer/api/v1/auth/login"


def kinds():
    return list(AuditEvent.objects.order_by("pk").values_list("kind", flat=True))


def log_in(caller, username="alice", password=PASSWORD, path=LOGIN):
    return caller.json(path, {"username": username, "password": password})


def test_a_login_is_on_record(caller, alice):
    before = now()
    answer = log_in(caller, "Alice@Example.com")
    event = AuditEvent.objects.get()
    assert (event.kind, event.user, event.name, event.contract) == (
        Kind.LOGIN,
        alice,
        "alice",
        "bearer",
    )
    assert (event.session, event.address, event.reason) == (
        Session.objects.get().pk,
        "127.0.0.1",
        "",
    )
    assert event.request_id == answer["X-Request-ID"]
    assert before <= event.at <= now()


@pytest.mark.parametrize(
    ("username", "password", "known", "reason"),
    [
        ("alice", "wrong", True, "wrong_password"),
        ("nobody", PASSWORD, False, "no_such_account"),
        ("bob", PASSWORD, True, "account_inactive"),
    ],
)
def test_a_refused_login_is_on_record_with_its_true_reason(
    caller, alice, bob, username, password, known, reason
):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    log_in(caller, username, password)
    event = AuditEvent.objects.get()
    assert (event.kind, event.name, event.reason) == (Kind.LOGIN_FAILED, username, reason)
    assert event.user == (User.objects.get(username=username) if known else None)


@pytest.mark.django_db(transaction=True)
def test_the_record_of_a_refusal_survives_it(caller, alice):
    assert log_in(caller, password="wrong").status_code == 401
    assert kinds() == [Kind.LOGIN_FAILED]


@pytest.mark.parametrize(
    ("path", "contract"),
    [
        ("/api/v1/auth/login", "bearer"),
        ("/c/camel/api/v1/auth/login", "camel"),
        ("/v1/login", "challenge"),
        ("/c/challenge/v1/login", "challenge"),
        ("/api/auth/login", "envelope"),
    ],
)
def test_the_record_says_which_contract(caller, alice, path, contract):
    log_in(caller, path=path)
    log_in(caller, password="wrong", path=path)
    assert list(AuditEvent.objects.values_list("contract", flat=True)) == [contract, contract]


def test_a_form_login_says_that_it_was_form(caller, alice):
    caller.form("/api/v1/auth/login", "username=alice&password=wrong")
    assert AuditEvent.objects.get().contract == "form"


def test_being_throttled_is_on_record_once(caller, alice):
    for _ in range(13):
        log_in(caller, password="wrong")
    assert kinds() == [Kind.LOGIN_FAILED] * 10 + [Kind.THROTTLED]
    event = AuditEvent.objects.get(kind=Kind.THROTTLED)
    assert (event.name, event.address) == ("alice", "127.0.0.1")


def test_a_logout_is_on_record(caller, alice):
    token = log_in(caller).json()["access_token"]
    caller.json("/c/camel/api/v1/auth/logout", token=token)
    event = AuditEvent.objects.get(kind=Kind.LOGOUT)
    assert (event.user, event.name, event.session, event.contract) == (
        alice,
        "alice",
        Session.objects.get().pk,
        "camel",
    )


def test_a_revocation_is_recorded_once_with_its_user(caller, alice):
    token = log_in(caller).json()["refresh_token"]
    for _ in range(2):
        caller.json("/v1/token-revoke", {"refresh_token": token})
    event = AuditEvent.objects.get(kind=Kind.REVOKE)
    assert (event.session, event.contract) == (Session.objects.get().pk, "challenge")
    assert (event.user, event.name) == (alice, "alice")


def test_a_refused_refresh_is_on_record_with_its_true_reason(caller, alice):
    token = log_in(caller).json()["refresh_token"]
    caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": token})
    event = AuditEvent.objects.get(kind=Kind.REFRESH_FAILED)
    assert (event.user, event.name, event.session) == (alice, "alice", Session.objects.get().pk)
    assert (event.contract, event.reason, event.data) == (
        "challenge",
        "other_contract",
        {"contract": "bearer"},
    )


def test_a_refresh_and_a_look_leave_no_record(caller, alice):
    body = log_in(caller).json()
    caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": body["refresh_token"]})
    caller.get("/api/v1/auth/me", body["access_token"])
    assert kinds() == [Kind.LOGIN]


def test_an_identifier_is_stored_cut_and_on_one_line(db):
    audit_log.record(
        Kind.LOGIN_FAILED, name="ali\r\nce\x1b[2K\0" + "x" * 1000, note="because\nof " + "y" * 1000
    )
    event = AuditEvent.objects.get()
    assert event.name.startswith("ali\\r\\nce\\x1b[2k\\x00xxx")
    assert event.note.startswith("because\\nof yyy")
    assert (len(event.name), len(event.note)) == (150, 200)


def test_data_with_control_characters_are_kept_escaped(db):
    """PostgreSQL takes no NUL in JSON."""
    audit_log.record(Kind.IMPORTED, data={"source": "a\0b\n", "fields": ["x\0"], "count": 1})
    assert AuditEvent.objects.get().data == {
        "source": "a\\x00b\\n",
        "fields": ["x\\x00"],
        "count": 1,
    }


def test_a_command_leaves_a_record_without_a_request(olga, alice):
    with request_context.use(RequestContext()):
        audit_log.record(Kind.ACCOUNT_CHANGED, user=alice, actor=olga, reason="created")
    event = AuditEvent.objects.get()
    assert (event.user, event.actor, event.name, event.address, event.request_id) == (
        alice,
        olga,
        "alice",
        None,
        "",
    )


def test_an_account_on_record_is_not_deleted(caller, alice):
    log_in(caller)
    with pytest.raises(ProtectedError):
        alice.delete()
    assert AuditEvent.objects.get().user == alice


def test_no_secret_is_on_record(caller, alice):
    body = log_in(caller).json()
    log_in(caller, password="wrong but telling")
    caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": body["refresh_token"]})
    caller.json("/v1/token-revoke", {"refresh_token": body["refresh_token"]})
    recorded = "\n".join(str(row) for row in AuditEvent.objects.values_list())
    assert not any(
        secret in recorded
        for secret in (PASSWORD, "wrong but telling", body["refresh_token"], body["access_token"])
    )
