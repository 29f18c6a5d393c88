"""Masked credentials of document 004.

They are for admins by their role now, and never show the secret.
"""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from apikeys import providers
from apikeys.models import APIKey, ProviderCredential
from tests.conftest import PASSWORD
from tests.core.test_secrets_at_rest import dump

pytestmark = pytest.mark.django_db
MOUNT = "/c/envelope/api/auth"
KEY_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYX"
NVIDIA_SECRET = "nvapi-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVxxxx"
SECRETS = {AWS_SECRET, NVIDIA_SECRET}
AWS, NVIDIA = f"{MOUNT}/aws-credentials", f"{MOUNT}/nvidia-credentials"
either = pytest.mark.parametrize(
    "path", [AWS, NVIDIA, "/api/auth/aws-credentials", "/api/auth/nvidia-credentials"]
)


@pytest.fixture
def stored(db):
    aws, nvidia = (
        ProviderCredential(provider="aws", key_id=KEY_ID, region="eu-north-1"),
        ProviderCredential(provider="nvidia"),
    )
    for credential, secret in ((aws, AWS_SECRET), (nvidia, NVIDIA_SECRET)):
        credential.encrypt_secret(secret)
        credential.save()


def become(user, **fields):
    type(user).objects.filter(pk=user.pk).update(**fields)


@pytest.fixture
def token(caller, alice):
    """Return a token of Alice's, who is an admin now."""
    become(alice, is_staff=True)
    return caller.json(f"{MOUNT}/login", {"username": "alice", "password": PASSWORD}).json()[
        "token"
    ]


def events():
    found = AuditEvent.objects.filter(kind__startswith="credentials").order_by("pk")
    return [
        (event.kind, event.name, event.reason, event.data.get("provider", "")) for event in found
    ]


def refused(status, text):
    return status, {"success": False, "message": text}


def got(answer):
    return answer.status_code, answer.json()


# As documented


def test_aws_credentials(caller, stored, token):
    answer = caller.get(AWS, token)
    body = answer.json()
    given = body["credentials"]
    assert answer.status_code == 200
    assert body == {
        "success": True,
        "credentials": {
            "region": "eu-north-1",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "secretAccessKey": "wJal****************************KEYX",
            "endpoint": "https://bedrock-runtime.eu-north-1.amazonaws.com"
            "/model/cohere.embed-multilingual-v3/invoke",
            "authMethod": "AWS Signature Version 4",
            **{name: given[name] for name in ("curlExample", "nodeExample", "pythonExample")},
        },
    }
    assert given["curlExample"].startswith("curl -X POST ")
    assert given["nodeExample"].startswith("// Node.js example")
    assert given["pythonExample"].startswith("# Python example")


def test_nvidia_credentials(caller, stored, token):
    answer = caller.get(NVIDIA, token)
    body = answer.json()
    given = body["credentials"]
    assert answer.status_code == 200
    assert body == {
        "success": True,
        "credentials": {
            "apiKey": "nvap************************************xxxx",
            "baseUrl": "https://integrate.api.nvidia.com",
            "endpoint": "https://integrate.api.nvidia.com/v1/chat/completions",
            **{name: given[name] for name in ("curlExample", "nodeExample", "pythonExample")},
        },
    }
    assert given["curlExample"].startswith("curl -X POST ")
    assert given["nodeExample"].startswith("// Node.js example")
    assert given["pythonExample"].startswith("# Python example")


@pytest.mark.parametrize("end", ["aws-credentials", "nvidia-credentials"])
def test_both_mounts_answer_the_same(caller, stored, token, end):
    alone, plain, slash = (
        caller.get(path, token)
        for path in (f"{MOUNT}/{end}", f"/api/auth/{end}", f"/api/auth/{end}/")
    )
    assert got(alone) == got(plain) == got(slash)


@either
def test_no_cache_keeps_the_answer(caller, stored, token, path):
    assert {caller.get(path, asking)["Cache-Control"] for asking in (token, "", "made up")} == {
        "no-store"
    }


@either
def test_other_methods(caller, stored, token, path):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = caller.http.generic(
            method, path, b"", "application/json", HTTP_AUTHORIZATION=f"Bearer {token}"
        )
        assert got(answer) == refused(405, "Method not allowed")
    assert (
        caller.http.options(path, headers={"Authorization": f"Bearer {token}"}).status_code == 204
    )


# The region


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("", "eu-north-1"),
        ("us-east-1", "us-east-1"),
        ("us-gov-west-1", "us-gov-west-1"),
        ("somewhere", "eu-north-1"),
        ("us-east-1\n", "eu-north-1"),
        ("US-EAST-1", "eu-north-1"),
        ("us-east-\u0661", "eu-north-1"),
        ('us-east-1"; rm -rf "$HOME', "eu-north-1"),
    ],
)
def test_the_region_is_the_accounts_own_where_that_is_one(
    caller, stored, token, alice, typed, taken
):
    become(alice, aws_region=typed)
    given = caller.get(AWS, token).json()["credentials"]
    assert (given["region"], given["endpoint"].split(".")[1]) == (taken, taken)
    assert all(taken in given[name] for name in ("curlExample", "nodeExample", "pythonExample"))
    assert "rm -rf" not in str(given)


def test_the_accounts_region_means_nothing_to_nvidia(caller, stored, token, alice):
    before = caller.get(NVIDIA, token).json()
    become(alice, aws_region="us-east-1")
    assert caller.get(NVIDIA, token).json() == before


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


# Credentials that are missing or cannot be read


@pytest.mark.parametrize(("path", "label"), [(AWS, "AWS"), (NVIDIA, "NVIDIA")])
def test_nothing_is_stored_yet(caller, token, path, label):
    todo = (
        "an operator stores them in the admin, "
        f"or with manage.py set_provider_credentials {label.lower()}"
    )
    assert got(caller.get(path, token)) == refused(
        404, f"No {label} credentials are stored: {todo}"
    )


@either
def test_under_another_key_the_secret_cannot_be_read_and_the_answer_says_so(
    caller, stored, token, settings, path, caplog
):
    settings.ENCRYPTION_KEYS = ["another key, of thirty-two letters and more"]
    text = (
        "The stored credentials cannot be decrypted: an operator has to restore the key, "
        "or store them again"
    )
    assert got(caller.get(path, token)) == refused(503, text)
    assert "add the key that it was stored under to ENCRYPTION_KEYS" in caplog.text
    assert [
        secret
        for secret in {*SECRETS, settings.SECRET_KEY, *settings.ENCRYPTION_KEYS}
        if secret in caplog.text
    ] == []


def test_a_secret_in_anothers_row_cannot_be_read(caller, stored, token):
    aws, nvidia = (
        ProviderCredential.objects.get(pk=name).encrypted_secret for name in ("aws", "nvidia")
    )
    ProviderCredential.objects.filter(pk="aws").update(encrypted_secret=nvidia)
    ProviderCredential.objects.filter(pk="nvidia").update(encrypted_secret=aws)
    assert [caller.get(path, token).status_code for path in (AWS, NVIDIA)] == [503, 503]


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
