"""Provider credentials are for admins by their role now, and each look is on record."""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from apikeys import providers
from apikeys.models import APIKey, ProviderCredential
from tests.contracts.provider_credentials.credentials import (
    AWS,
    AWS_SECRET,
    KEY_ID,
    NVIDIA,
    NVIDIA_SECRET,
    SECRETS,
    become,
    either,
    events,
    got,
    refused,
)
from tests.core.test_secrets_at_rest import dump

pytestmark = pytest.mark.django_db


# Permission


@either
def test_without_a_token(caller, stored, path):
    answer = caller.get(path)
    assert got(answer) == refused(401, "No token provided")
    assert answer["WWW-Authenticate"] == "Bearer"


@either
def test_with_a_token_that_is_none(caller, stored, path):
    assert got(caller.get(path, "made up")) == refused(401, "Invalid or expired token")


@either
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_an_api_key_opens_nothing_here_whoever_owns_it(caller, stored, olga, path, header):
    _, secret = APIKey.objects.issue(olga.pk, scopes=["profile", "introspect"])
    answer = caller.get(
        path, **{header: f"Bearer {secret}" if header == "Authorization" else secret}
    )
    assert answer.status_code == 401
    assert caller.get("/api/auth/validate", secret).status_code == 200


@either
def test_a_user_is_no_admin(caller, stored, token, alice, path):
    become(alice, is_staff=False)
    assert got(caller.get(path, token)) == refused(403, "Admin access required")


@pytest.mark.parametrize(
    ("staff", "superuser", "status"),
    [(False, False, 403), (True, False, 200), (True, True, 200), (False, True, 200)],
)
def test_the_role_is_the_accounts_now_and_not_the_tokens(
    caller, stored, token, alice, staff, superuser, status
):
    become(alice, is_staff=staff, is_superuser=superuser)
    assert [caller.get(path, token).status_code for path in (AWS, NVIDIA)] == [status, status]


def test_a_user_is_not_told_whether_anything_is_stored(caller, token, alice):
    become(alice, is_staff=False)
    assert got(caller.get(AWS, token)) == refused(403, "Admin access required")


def test_an_operators_session_in_the_admin_opens_nothing_here(caller, stored, olga):
    caller.http.force_login(olga)
    assert got(caller.get(AWS)) == refused(401, "No token provided")


# The record, and the queries


def test_each_look_is_on_record(caller, stored, token, alice):
    answer = caller.get(AWS, token)
    caller.get("/api/auth/nvidia-credentials", token)
    assert events() == [
        ("credentials_viewed", "alice", "provider", name) for name in ("aws", "nvidia")
    ]
    event = AuditEvent.objects.filter(kind="credentials_viewed").earliest("pk")
    assert (event.user, event.contract, event.address) == (alice, "envelope", "127.0.0.1")
    assert event.request_id == answer["X-Request-ID"]
    assert event.session


def test_each_refusal_is_on_record(caller, token, alice, settings):
    caller.get(AWS, token)
    providers.store(ProviderCredential(provider="nvidia"), NVIDIA_SECRET)
    settings.SECRET_KEY = "another secret, of thirty-two letters and more"
    caller.get(NVIDIA, token)
    become(alice, is_staff=False)
    caller.get(AWS, token)
    assert [event[2:] for event in events() if event[0] == "credentials_refused"] == [
        ("nothing_stored", "aws"),
        ("unreadable", "nvidia"),
        ("admin_required", "aws"),
    ]


@pytest.mark.parametrize(
    ("staff", "stored_before", "status", "count"),
    [(True, True, 200, 3), (True, False, 404, 3), (False, True, 403, 2)],
)
@pytest.mark.django_db(transaction=True)
def test_a_look_is_three_statements(caller, token, alice, staff, stored_before, status, count):
    """One for the user, one for what is stored, one for the record."""
    if stored_before:
        providers.store(ProviderCredential(provider="nvidia"), NVIDIA_SECRET)
    become(alice, is_staff=staff)
    with CaptureQueriesContext(connection) as captured:
        answer = caller.get(NVIDIA, token)
    assert (answer.status_code, len(captured.captured_queries)) == (status, count)


def test_without_its_record_no_look_is_granted(caller, stored, token):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent RENAME TO elsewhere")
    answer = caller.get(AWS, token)
    assert answer.status_code >= 500
    assert "credentials" not in answer.json()


# The secret


@pytest.mark.own_sql
def test_no_answer_no_log_and_no_dump_holds_a_secret(
    caller, stored, token, alice, settings, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    asked = [(path, asking) for path in (AWS, NVIDIA) for asking in (token, "", "made up")]
    answers = [caller.get(*each) for each in asked]
    become(alice, is_staff=False)
    answers += [caller.get(*each) for each in asked]
    stored_now = dump()
    logging.getLogger("accounts").warning("the log is read")
    written = caplog.text + "".join(capfd.readouterr())
    assert "the log is read" in written
    told = (
        "".join(f"{answer.headers}{answer.content!r}" for answer in answers) + written + stored_now
    )
    assert KEY_ID in told
    assert [
        secret
        for secret in SECRETS
        if secret in told or secret[8:-8] in told or secret.encode().hex() in told
    ] == []


def test_no_repr_holds_a_secret(stored):
    credential = ProviderCredential.objects.get(pk="aws")
    identity = type("Viewer", (), {"is_admin": True, "aws_region": ""})()
    for thing in (credential, vars(credential), providers._masked_for(identity, "aws")):
        assert AWS_SECRET not in f"{thing!r}{thing}"


def test_a_secret_of_any_length_looks_as_long(caller, stored, token):
    for secret in ("x", "fifteen letters", "sixteen letters!".replace(" ", "_"), "x" * 4096):
        providers.store(
            ProviderCredential(provider="aws", key_id=KEY_ID, region="eu-north-1"),
            secret.replace(" ", "_"),
        )
        masked = caller.get(AWS, token).json()["credentials"]["secretAccessKey"]
        assert (len(masked), masked[4:-4]) == (36, "*" * 28)
        assert (masked == "*" * 36) == (len(secret) < 16)
