"""API keys of document 001, its examples in its own order."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.models import User
from apikeys.models import APIKey
from tests.contracts.keys.key_requests import (
    ALONE,
    KEY,
    ME,
    PLAIN,
    STAMP,
    delete,
    each_mount,
    in_seconds,
    refusal,
)

pytestmark = pytest.mark.django_db


def test_create(caller, token):
    answer = caller.json(ALONE, {"name": "My Integration Key"}, token)
    body = answer.json()
    assert answer.status_code == 201
    assert body == {
        "keyId": body["keyId"],
        "apiKey": body["apiKey"],
        "name": "My Integration Key",
        "createdAt": body["createdAt"],
    }
    assert KEY.fullmatch(body["apiKey"])
    assert body["keyId"] == "key_" + body["apiKey"][8:16]
    assert STAMP.fullmatch(body["createdAt"])
    assert abs(in_seconds(body["createdAt"]) - now()) < timedelta(seconds=10)
    assert answer["Cache-Control"] == "no-store"


def test_create_at_the_shared_path_says_more(caller, token):
    body = caller.json(
        PLAIN,
        {"name": "CI", "expiresAt": "2090-01-01T01:00:00+01:00", "scopes": ["profile"]},
        token,
    ).json()
    assert body == {
        "keyId": body["keyId"],
        "apiKey": body["apiKey"],
        "name": "CI",
        "createdAt": body["createdAt"],
        "expiresAt": "2090-01-01T00:00:00Z",
        "scopes": ["profile"],
    }


@each_mount
@pytest.mark.parametrize("scopes", [["introspect"], ["profile", "introspect"]])
def test_users_get_no_key_with_a_scope_of_operators(caller, token, keys, scopes):
    answer = caller.json(keys, {"scopes": scopes}, token)
    assert (answer.status_code, answer.json()) == (
        403,
        refusal(keys, "Scopes introspect and revoke are granted by operators"),
    )
    assert not APIKey.objects.exists()


@pytest.mark.parametrize(
    "flags",
    [{"is_staff": True}, {"is_staff": True, "is_superuser": True}],
    ids=["admin", "super admin"],
)
def test_an_operator_makes_a_key_that_introspects(caller, alice, token, flags):
    """The role that the account has now decides, not that of the login."""
    User.objects.filter(pk=alice.pk).update(**flags)
    made = caller.json(PLAIN, {"scopes": ["introspect"]}, token).json()
    assert made["scopes"] == ["introspect"]
    assert caller.json("/introspect", {"token": token}, made["apiKey"]).json()["active"] is True


@each_mount
def test_create_with_the_empty_body_of_the_document(caller, token, keys):
    headers = {"Authorization": f"Bearer {token}"}
    for kind in ("application/json", "application/x-www-form-urlencoded", ""):
        answer = caller.http.post(keys, b"", content_type=kind, headers=headers)
        assert (answer.status_code, answer.json()["name"]) == (201, "API key")
    assert list(APIKey.objects.values_list("scope", "expires_at").distinct()) == [("profile", None)]


def test_list(caller, token, make):
    old, new = make(name="Staging Key"), make(name="My Integration Key")
    APIKey.objects.filter(name="Staging Key").update(created_at="2023-10-25T09:00:00Z")
    APIKey.objects.filter(name="My Integration Key").update(
        created_at="2023-10-27T10:00:00Z", last_used_at="2023-10-27T11:30:00.7Z"
    )
    answer = caller.get(ALONE, token)
    assert answer.status_code == 200
    assert answer.json() == [
        {
            "keyId": new["keyId"],
            "name": "My Integration Key",
            "createdAt": "2023-10-27T10:00:00Z",
            "lastUsed": "2023-10-27T11:30:00Z",
        },
        {
            "keyId": old["keyId"],
            "name": "Staging Key",
            "createdAt": "2023-10-25T09:00:00Z",
            "lastUsed": None,
        },
    ]


def test_list_at_the_shared_path_says_more(caller, token, make):
    key = make(name="CI", expiresAt="2090-01-01T00:00:00Z")
    assert caller.get(PLAIN, token).json() == [
        {
            "keyId": key["keyId"],
            "name": "CI",
            "createdAt": key["createdAt"],
            "lastUsed": None,
            "expiresAt": "2090-01-01T00:00:00Z",
            "scopes": ["profile"],
        }
    ]


@each_mount
def test_list_is_of_ones_own_live_keys(caller, token, bobs, make, keys):
    expired, deleted = make(name="expired"), make(name="deleted")
    APIKey.objects.filter(name="expired").update(expires_at=now() - timedelta(seconds=1))
    delete(caller, f"{PLAIN}/{deleted['keyId']}", token)
    caller.json(PLAIN, {"name": "Bob's"}, bobs)
    assert caller.get(keys, token).json() == []
    assert [key["name"] for key in caller.get(keys, bobs).json()] == ["Bob's"]
    assert caller.get(ME, expired["apiKey"]).status_code == 401


@each_mount
def test_delete(caller, token, make, keys):
    key = make()
    answer = delete(caller, f"{keys}/{key['keyId']}", token)
    assert (answer.status_code, answer.content, answer.headers.get("Content-Type")) == (
        204,
        b"",
        None,
    )
    assert caller.get(ME, key["apiKey"]).status_code == 401
    assert caller.get(keys, token).json() == []


@each_mount
def test_delete_an_unknown_key(caller, token, make, keys):
    key = make()
    assert delete(caller, f"{keys}/{key['keyId']}/", token).status_code == 204
    for key_id in (
        key["keyId"],
        "key_abc123",
        key["keyId"][4:],
        key["keyId"].upper(),
        key["apiKey"],
        "key_\u0661234567a",
        "%00",
        "key_%0a",
    ):
        answer = delete(caller, f"{keys}/{key_id}", token)
        assert (answer.status_code, answer.json()) == (404, refusal(keys, "API key not found"))


@each_mount
def test_delete_of_somebody_elses_key(caller, make, bobs, keys):
    key = make()
    answer = delete(caller, f"{keys}/{key['keyId']}", bobs)
    assert (answer.status_code, answer.json()) == (404, refusal(keys, "API key not found"))
    assert caller.get(ME, key["apiKey"]).json()["username"] == "alice"


@each_mount
def test_all_of_it_requires_authentication(caller, make, keys):
    key = make()
    for credentials in (
        {},
        {"Authorization": "Bearer x.y.z"},
        {"X-API-Key": key["apiKey"]},
        {"Authorization": f"Bearer {key['apiKey']}"},
    ):
        for answer in (
            caller.http.post(keys, b"{}", content_type="application/json", headers=credentials),
            caller.http.get(keys, headers=credentials),
            caller.http.delete(f"{keys}/{key['keyId']}", headers=credentials),
            caller.http.post(
                f"{keys}/{key['keyId']}/rotate",
                b"{}",
                content_type="application/json",
                headers=credentials,
            ),
        ):
            assert (answer.status_code, answer.json()) == (
                401,
                refusal(keys, "Authentication required"),
            )
            assert answer["WWW-Authenticate"] == "Bearer"
    assert caller.get(ME, key["apiKey"]).status_code == 200
    assert APIKey.objects.count() == 1
