"""Copies of the database and of the log: they hold no secret that is accepted anywhere."""

import logging
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.db import connection
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import keyring
from accounts.models import AuditEvent, Session
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
MISTYPED = "correct horse batterie"
BODY = {"username": "alice", "password": PASSWORD}


def strings(value: Any) -> list[str]:
    """Return every string anywhere in an answer."""
    if isinstance(value, dict):
        value = list(value.values())
    return (
        [text for inner in value for text in strings(inner)]
        if isinstance(value, list)
        else [value]
        if isinstance(value, str)
        else []
    )


def log_in_everywhere(caller) -> list[Any]:
    return [
        caller.json("/c/bearer/api/v1/auth/login", BODY),
        caller.json("/c/camel/api/v1/auth/login", BODY),
        caller.multipart("/c/form/api/v1/auth/login", **BODY),
        caller.form("/v1/login", "username=alice&password=correct+horse+battery"),
        caller.json("/api/auth/login", BODY),
        caller.json("/api/v1/auth/login", BODY),
        caller.multipart("/api/v1/auth/token", **BODY),
    ]


def refresh_everywhere(caller, bearer, camel, form, challenge) -> list[Any]:
    """Refresh by the tokens of four logins; form's twice in its grace time, then when spent."""
    access, spent = form["access_token"]["token"], form["refresh_token"]["token"]
    path, told = "/c/form/api/v1/auth/refresh", challenge["refresh_token"]
    answers = [
        caller.json("/api/v1/auth/refresh", {"refresh_token": bearer["refresh_token"]}),
        caller.json("/api/v1/auth/refresh", {"refreshToken": camel["refreshToken"]}),
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": told}),
        caller.json(path, {"token": spent}, access),
        caller.json(path, {"token": spent}, access),
    ]
    renewed = answers[-1].json()["refresh_token"]["token"]
    return [
        *answers,
        caller.json(path, {"token": renewed}, access),
        caller.json(path, {"token": spent}, access),
    ]


def be_refused(caller) -> list[Any]:
    """Send passwords that are wrong, misplaced or malformed to three logins."""
    wrong = [
        {**BODY, "password": MISTYPED},
        {**BODY, "username": "nobody"},
        {"username": PASSWORD, "password": ["x"]},
        {"password": PASSWORD},
        b'{"username": "alice", "password": "' + PASSWORD.encode(),
    ]
    paths = ("/api/v1/auth/login", "/v1/login", "/api/auth/login")
    return [
        *(caller.json(path, body) for path in paths for body in wrong),
        *(caller.json(f"{path}/{PASSWORD}", BODY) for path in paths),
    ]


def misplace_tokens_and_log_out(caller, bearer, camel, access, challenge, envelope) -> list[Any]:
    misplaced = f"/api/v1/auth/refresh?refresh_token={bearer['refresh_token']}"
    return [
        caller.json(misplaced, {"refresh_token": access}),
        caller.get(f"/api/v1/auth/me?access_token={access}", f"{access}x"),
        caller.get(f"/c/bearer/{bearer['access_token']}", bearer["access_token"]),
        caller.json("/v1/token-revoke", {"refresh_token": challenge["refresh_token"]}),
        caller.json("/c/camel/api/v1/auth/logout", token=camel["token"]),
        caller.json("/api/auth/logout", token=envelope["token"]),
    ]


def busy_day(caller, alice, bob) -> set[str]:
    """Log in, refresh, reuse tokens, log out and be refused in every contract.

    Return all tokens that were issued meanwhile.
    """
    answers = log_in_everywhere(caller)
    bearer, camel, form, challenge, envelope = (answer.json() for answer in answers[:5])
    answers += refresh_everywhere(caller, bearer, camel, form, challenge)
    bob.must_change_password = True
    bob.save()
    answers.append(caller.json("/v1/login", {**BODY, "username": "bob"}))
    answers += be_refused(caller)
    access = form["access_token"]["token"]
    answers += misplace_tokens_and_log_out(caller, bearer, camel, access, challenge, envelope)
    tokens = {
        text
        for answer in answers
        for text in strings(answer.json())
        if text.count(".") == 2 and len(text) > 100
    }
    assert len(tokens) >= 20
    assert {answer.status_code for answer in answers} >= {200, 400, 401, 404, 422}
    return tokens


def dump() -> str:
    """Return every column of every row of every table, as text.

    Bytes are included as dumps of PostgreSQL and SQLite print them, too.
    """
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows: list[Any] = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            rows += cursor.fetchall()
    values = [
        bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)
        for row in rows
        for value in row
    ]
    assert {"alice", str(AuditEvent.objects.latest("pk").kind)} <= {*values}
    return "\n".join(values)


def traces(tokens: set[str]) -> set[str]:
    """Return the tokens, and the signature of each alone."""
    return (
        tokens
        | {token.rpartition(".")[2] for token in tokens}
        | {token.rpartition(".")[2][:20] for token in tokens}
    )


@pytest.mark.own_sql
def test_the_database_holds_no_token_and_no_password(caller, alice, bob):
    tokens = busy_day(caller, alice, bob)
    stored = dump()
    assert Session.objects.count() >= 6
    assert AuditEvent.objects.count() >= 15
    assert BlacklistedToken.objects.exists()
    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}
    assert [trace for trace in traces(tokens) if trace in stored] == []
    assert [password for password in (PASSWORD, MISTYPED) if password in stored] == []


@pytest.mark.own_sql
def test_the_database_holds_no_key_in_clear(caller, alice):
    caller.json("/v1/login", BODY)
    private, stored = keyring.current().private, dump()
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    number = private.private_numbers().private_value.to_bytes(32, "big")
    for secret in (plain, plain[-60:], number):
        for text in (
            secret.hex(),
            b64encode(secret).decode().rstrip("="),
            urlsafe_b64encode(secret).decode().rstrip("="),
        ):
            assert text not in stored
    assert settings.SECRET_KEY not in stored


def test_the_log_holds_no_token_and_no_password(caller, alice, bob, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    tokens = busy_day(caller, alice, bob)
    logging.getLogger("accounts").warning("the log is read")
    written = caplog.text + "".join(capfd.readouterr())
    assert "the log is read" in written
    assert [
        trace
        for trace in traces(tokens) | {PASSWORD, MISTYPED, settings.SECRET_KEY}
        if trace in written
    ] == []


def test_a_fault_of_the_database_logs_its_place_and_no_secret(caller, alice, caplog):
    """The traceback of a failed statement names files and lines, and none of its parameters."""
    pair = caller.json("/c/bearer/api/v1/auth/login", BODY).json()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_session RENAME TO elsewhere")
    answers = [
        caller.json("/v1/login", BODY),
        caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]}),
        caller.get(f"/api/v1/auth/me?token={pair['access_token']}", pair["access_token"]),
    ]
    assert all(answer.status_code >= 500 for answer in answers)
    assert "Traceback" in caplog.text
    assert [
        trace
        for trace in traces({pair["access_token"], pair["refresh_token"]}) | {PASSWORD}
        if trace in caplog.text
    ] == []
