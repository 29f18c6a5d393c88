"""Masked credentials of document 004, its examples in its own order."""

import pytest

from apikeys.models import ProviderCredential
from tests.contracts.provider_credentials.credentials import (
    AWS,
    MOUNT,
    NVIDIA,
    SECRETS,
    become,
    either,
    got,
    refused,
)

pytestmark = pytest.mark.django_db


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
