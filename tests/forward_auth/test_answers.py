"""Answers to a proxy that asks whether Alice's request may pass."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.core.signals import request_finished
from django.db import InterfaceError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.audit import request_report
from accounts.models import Session, User
from accounts.tokens import AccessToken
from apikeys import usage
from apikeys.models import APIKey
from authsvc.forward_auth.wsgi import ForwardAuthMiddleware

pytestmark = pytest.mark.django_db

METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "BREW"]
WHO = ("X-Auth-User", "X-Auth-Name", "X-Auth-Email", "X-Auth-Role", "X-Auth-Scopes")


def refused(answer, status, detail):
    assert (answer.status, answer.json()) == (status, {"detail": detail})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert not any(name.startswith("X-Auth") for name in answer.headers)


# 200


@pytest.mark.own_sql
def test_a_good_token_passes_with_its_user_in_headers(ask, alice, token):
    ask(Authorization=token)  # what a process loads once
    with CaptureQueriesContext(connection) as queries:
        answer = ask(Authorization=token)
    assert len(queries) == 1
    assert answer.headers.pop("X-Request-ID")
    assert answer == (
        200,
        {
            "X-Auth-User": str(alice.uuid),
            "X-Auth-Name": "alice",
            "X-Auth-Email": "alice@example.com",
            "X-Auth-Role": "user",
            "X-Auth-Scopes": "session",
            "X-Auth-Session": str(Session.objects.get().pk),
            "Cache-Control": "no-store",
            "Content-Length": "0",
        },
        b"",
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("url", ["/auth/forward", "/auth/forward/", "/auth/forward/a/b?page=2"])
def test_any_method_is_answered_there_and_below(ask, alice, token, method, url):
    assert ask(url, method, Authorization=token).headers["X-Auth-User"] == str(alice.uuid)
    refused(ask(url, method), 401, "Authentication required")


def test_an_answer_to_head_has_no_body(ask, db):
    answer = ask(method="HEAD")
    assert (answer.status, answer.body) == (401, b"")
    assert answer.headers["Content-Length"] == ask().headers["Content-Length"] != "0"


@pytest.mark.parametrize(
    "url", ["/auth/forwards", "/auth/forward;x", "/auth/forward%0a", "/auth/forward%3fx", "/auth"]
)
def test_paths_beside_it_are_not_for_it(ask, token, url):
    assert ask(url, Authorization=token).status == 418


@pytest.mark.own_sql
@pytest.mark.parametrize("how", ["Authorization", "X-API-Key"])
def test_an_api_key_passes_and_was_used(ask, alice, key, how):
    headers = {how: key if how == "X-API-Key" else f"Bearer {key}"}
    ask(**headers)
    with CaptureQueriesContext(connection) as queries:
        answer = ask(**headers)
    assert len(queries) == 1
    assert (answer.status, answer.headers["X-Auth-Scopes"]) == (200, "profile")
    assert (answer.headers["X-Auth-User"], answer.headers["X-Auth-Session"]) == (
        str(alice.uuid),
        "",
    )
    usage.write()
    assert APIKey.objects.get().last_used_at


def test_a_header_without_a_value_is_there_too(ask, alice, token):
    """Otherwise a proxy would keep the one that its client has made up."""
    User.objects.update(email=None)
    assert ask(Authorization=token).headers["X-Auth-Email"] == ""


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("jöhn", "j%C3%B6hn"),
        ("алиса 日本", "%D0%B0%D0%BB%D0%B8%D1%81%D0%B0 %E6%97%A5%E6%9C%AC"),
        ("50%25", "50%2525"),
        ("a\r\nx-auth-role: super_admin", "a%0D%0Ax-auth-role: super_admin"),
        ('a,"b"\x7f', "a%2C%22b%22%7F"),
    ],
)
def test_names_are_encoded_so_that_a_header_can_hold_them(ask, alice, token, name, header):
    User.objects.update(username=name, email=f"{name}@example.com")
    answer = ask(Authorization=token)
    assert answer.headers["X-Auth-Name"] == header
    assert unquote(answer.headers["X-Auth-Email"]) == f"{name}@example.com"
    assert all(" " <= character <= "~" for each in WHO for character in answer.headers[each])


def test_after_each_answer_django_may_close_a_connection_that_is_lost(ask, token):
    """Otherwise a thread would keep it, and refuse everybody from then on."""
    finished = []

    def take_note(sender, **more):
        finished.append(sender)

    request_finished.connect(take_note)
    asked = [("", token), ("", ""), ("?role=admin", token), ("?rol=admin", token)]
    statuses = [ask(f"/auth/forward{query}", Authorization=by).status for query, by in asked]
    assert (statuses, finished) == ([200, 401, 403, 403], [ForwardAuthMiddleware] * 4)


def test_the_answers_are_the_same_without_the_wsgi_module(caller, alice, token):
    for url in ("/auth/forward", "/auth/forward/a/b", "//auth/forward"):
        headers = {"Authorization": token}
        answer = caller.http.generic("PROPFIND", "/", PATH_INFO=url, headers=headers)
        assert (answer.status_code, answer["X-Auth-User"]) == (200, str(alice.uuid))


# 401


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("", "Authentication required"),
        ("Bearer", "Authentication required"),
        ("Basic YWxpY2U6cGFzc3dvcmQ=", "Authentication required"),
        ("Bearer x.y.z", "Invalid or expired token"),
        ("Bearer sk_live_00000000_x", "Invalid or expired token"),
        ("{token}, {token}", "Invalid or expired token"),
        ("{token}x", "Invalid or expired token"),
        ("Bearer \xff\xfe", "Invalid or expired token"),
    ],
)
def test_without_a_good_credential(ask, token, header, detail):
    refused(ask(Authorization=header.replace("{token}", token)), 401, detail)


def test_two_credentials_that_differ(ask, token, key):
    refused(ask(Authorization=token, X_API_Key=key), 401, "Invalid or expired token")


def test_a_session_that_has_ended(ask, caller, token):
    caller.json("/api/auth/logout", Authorization=token)
    refused(ask(Authorization=token), 401, "Invalid or expired token")


def test_a_token_that_has_expired(ask, alice):
    """Genuine, and of a live session: only its own end has passed."""
    at = now()
    session = alice.sessions.create(
        contract="bearer", last_used_at=at, expires_at=at + timedelta(days=1)
    )
    claims = {"sub": str(alice.uuid), "sid": str(session.pk), "contract": "bearer", "jti": "a"}
    old, good = (
        AccessToken.issue(at=at - timedelta(hours=1), expires=at + left, **claims)
        for left in (timedelta(seconds=-1), timedelta(hours=1))
    )
    assert ask(Authorization=f"Bearer {good}").status == 200
    refused(ask(Authorization=f"Bearer {old}"), 401, "Invalid or expired token")


def test_a_deactivated_user(ask, alice, token, key):
    alice.is_active = False
    alice.save()
    refused(ask(Authorization=token), 401, "Invalid or expired token")
    refused(ask(X_API_Key=key), 401, "Invalid or expired token")


def test_a_user_who_was_deactivated_in_the_database(ask, token, key):
    """No session or key has ended there."""
    User.objects.update(is_active=False)
    refused(ask(Authorization=token), 401, "Invalid or expired token")
    refused(ask(X_API_Key=key), 401, "Invalid or expired token")


# 403


@pytest.mark.parametrize("role", ["user", "admin", "super_admin"])
@pytest.mark.parametrize("required", ["user", "admin", "super_admin"])
def test_a_role_is_asked_for_or_a_higher_one(ask, alice, token, role, required):
    roles = ["user", "admin", "super_admin"]
    User.objects.update(is_staff=role != "user", is_superuser=role == "super_admin")
    answer = ask(f"/auth/forward?role={required}", Authorization=token)
    if roles.index(role) >= roles.index(required):
        assert (answer.status, answer.headers["X-Auth-Role"]) == (200, role)
    else:
        refused(answer, 403, f"The role {required} is required")


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("scope=profile", ""),
        ("scope=profile+introspect", ""),
        ("scope=introspect%20profile&role=user", ""),
        ("scope=session", "session"),
        ("scope=profile+orders:read+billing", "billing orders:read"),
    ],
)
def test_all_scopes_are_asked_for(ask, key, query, missing):
    APIKey.objects.update(scope="introspect profile", granted_at=now())
    answer = ask(f"/auth/forward?{query}", X_API_Key=key)
    if missing:
        refused(answer, 403, f"Missing scope: {missing}")
    else:
        assert answer.status == 200


def test_a_key_that_may_only_introspect_does_not_pass(ask, key):
    APIKey.objects.update(scope="introspect", granted_at=now())
    refused(ask(X_API_Key=key), 403, "Missing scope: profile")


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
def test_a_database_that_does_not_answer_is_no_reason_to_log_in_again(ask, token, caplog, fault):
    def gone(execute, sql, params, many, context):
        raise fault("the connection is lost")

    with connection.execute_wrapper(gone):
        answer = ask("/auth/forward?login=https://app.example/", Authorization=token)
    refused(answer, 403, "Service temporarily unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert f"the database does not answer ({fault.__name__})" in caplog.text


def test_a_fault_of_ours_does_not_let_anybody_pass(ask, token, caplog):
    def broken(execute, sql, params, many, context):
        raise ArithmeticError("seven")

    with connection.execute_wrapper(broken):
        refused(ask(Authorization=token), 403, "Internal server error")
    assert "ArithmeticError in forward authentication" in caplog.text


# Reports


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("/auth/forward?role=admin", "The proxy asks for a higher role: the role user is lower"),
        ("/auth/forward?scope=x", "The proxy asks for other scopes: the session or key has no"),
    ],
)
def test_an_operator_finds_the_reason_by_the_request_id(ask, alice, token, url, text):
    report = request_report.find(ask(url, Authorization=token).headers["X-Request-ID"])
    assert report
    assert report.message.text.startswith(text)
    assert (report.user, report.contract) == (alice, "forward")


def test_an_operator_finds_that_there_was_no_credential(ask, db):
    report = request_report.find(ask().headers["X-Request-ID"])
    assert report
    assert report.message.text == "The request had no access token and no API key."
