"""Requests about keys: fields that are taken, ignored and refused."""

from typing import Any

import pytest

from apikeys.models import APIKey
from tests.contracts.bad_input.bodies import WRONG_TYPES, bad_json, raw
from tests.contracts.clients import BY_NAME
from tests.contracts.endpoints import errors_of, problem
from tests.contracts.keys.key_requests import ALONE, each_mount, refusal

pytestmark = pytest.mark.django_db


BAD: dict[str, list[Any]] = {
    "name": [7, True, ["x"], {"x": 1}, "   ", "x" * 101, "a\x00b", "\ud800"],
    "expiresAt": [
        7,
        True,
        [],
        {},
        "soon",
        "2020-01-01T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "2030-01-01T25:00:00Z",
        "soon\x00",
        "\ud800",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "x" * 5000,
    ],
    "scopes": [
        "profile",
        7,
        {},
        {"profile": 1},
        [7],
        [None],
        [["profile"]],
        ["admin"],
        ["profile", "PROFILE"],
        ["a\x00"],
        ["\ud800"],
    ],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in BAD.items() for value in values],
    ids=ascii,
)
@each_mount
def test_a_field_that_is_no_such_thing(caller, token, keys, field, value):
    answer = caller.json(keys, {field: value}, token)
    body = answer.json()
    assert (answer.status_code, body) == (400, refusal(keys, body["error"]))
    assert body["error"].startswith(f"{field}: ")
    assert not APIKey.objects.exists()


@pytest.mark.parametrize("nothing", [None, ""])
@each_mount
def test_optional_fields_may_be_left_out_null_or_empty(caller, token, keys, nothing):
    body = {"name": nothing, "expiresAt": nothing, "scopes": nothing or []}
    answer = caller.json(keys, body, token)
    assert (answer.status_code, answer.json()["name"]) == (201, "API key")
    rotated = caller.json(
        f"{keys}/{answer.json()['keyId']}/rotate", {"overlapSeconds": nothing}, token
    )
    assert (rotated.status_code, rotated.json()["name"]) == (201, "API key")
    assert {
        (key.scope, key.expires_at is None or key.rotated_at is not None)
        for key in APIKey.objects.all()
    } == {("profile", True)}


@pytest.mark.parametrize("body", ["", "null"])
@each_mount
def test_a_body_of_null_is_like_an_empty_one(caller, token, keys, body):
    """Some programs send ``null`` for no fields."""
    sent = {
        "data": body,
        "content_type": "application/json",
        "headers": {"Authorization": f"Bearer {token}"},
    }
    made = caller.http.post(keys, **sent)
    assert (made.status_code, made.json()["name"]) == (201, "API key")
    rotated = caller.http.post(f"{keys}/{made.json()['keyId']}/rotate", **sent)
    assert (rotated.status_code, rotated.json()["name"]) == (201, "API key")


def test_a_complaint_does_not_repeat_a_long_value(caller, token):
    answer = caller.json(ALONE, {"scopes": ["x" * 50_000]}, token)
    assert (answer.status_code, len(answer.content) < 400) == (400, True)


@pytest.mark.parametrize("value", [True, "3600", 1.5, -1, 30 * 86_400 + 1, 10**30, [], {}])
def test_an_overlap_that_is_none(caller, token, make, value):
    key = make()
    answer = caller.json(f"{ALONE}/{key['keyId']}/rotate", {"overlapSeconds": value}, token)
    assert (answer.status_code, answer.json()["error"].startswith("overlapSeconds: ")) == (
        400,
        True,
    )
    assert APIKey.objects.get().rotated_at is None


@pytest.mark.parametrize("sent", [[], "name", 7, [{"name": "x"}]])
@each_mount
def test_a_body_that_is_no_object(caller, token, keys, sent):
    answer = caller.json(keys, sent, token)
    assert (answer.status_code, answer.json()) == (400, refusal(keys, answer.json()["error"]))


@each_mount
def test_a_body_that_is_no_json_of_this_kind(caller, token, make, keys):
    """No key is made, and a leaked key in such a body is not found."""
    wrong = {}
    for path, field, value in (
        (keys, "name", "CI"),
        (f"{keys}/revoke-leaked", "apiKey", make()["apiKey"]),
    ):
        bodies = bad_json({field: value}) | {
            f"{field}={value!r:.20}": raw({field: value}) for value in WRONG_TYPES
        }
        for name, body in bodies.items():
            if (path, name) not in {
                (keys, "empty"),
                (keys, "null"),
                (keys, "name=None"),
                (keys, "name=''"),
            }:  # as the document shows it
                wrong[path, name] = problem(
                    caller.json(path, body, token), errors_of(BY_NAME["camel"], "keys")
                )
    assert {where: what for where, what in wrong.items() if what} == {}
    assert APIKey.objects.live().count() == 1


@each_mount
def test_other_methods(caller, token, make, keys):
    key_id = make()["keyId"]
    allowed = {
        keys: {"GET", "HEAD", "POST"},
        f"{keys}/{key_id}": {"DELETE"},
        f"{keys}/{key_id}/rotate": {"POST"},
        f"{keys}/revoke-leaked": {"POST"},
    }
    for path, methods in allowed.items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
            answer = caller.http.generic(
                method, path, b"", "application/json", HTTP_AUTHORIZATION=f"Bearer {token}"
            )
            assert (answer.status_code, {*answer["Allow"].split(", ")} - {"OPTIONS"}) == (
                405,
                methods,
            )
            assert (
                answer.content == b""
                if method == "HEAD"
                else not problem(answer, errors_of(BY_NAME["camel"], "keys"))
            )


def test_fields_that_a_client_may_not_choose_are_ignored(caller, token, bob):
    sent = {
        "name": " CI ",
        "owner": bob.pk,
        "owner_id": bob.pk,
        "userId": str(bob.uuid),
        "keyId": "key_00000000",
        "apiKey": "sk_live_x",
    }
    body = caller.json(
        ALONE,
        {
            **sent,
            "createdAt": "2020-01-01T00:00:00Z",
            "scope": "introspect",
            "digest": "",
            "expiresAt": None,
        },
        token,
    ).json()
    assert (body["name"], body["keyId"] == "key_00000000", body["createdAt"] > "2021") == (
        "CI",
        False,
        True,
    )
    key = APIKey.objects.get()
    assert (key.owner.username, key.scope, key.expires_at, key.last_used_at) == (
        "alice",
        "profile",
        None,
        None,
    )


@pytest.mark.parametrize("name", ["x" * 100, "Ключ 🗝" * 10, "=cmd()", "<script>", "a\r\nb"])
def test_a_name_is_any_text_of_up_to_100_characters(caller, token, name):
    assert caller.json(ALONE, {"name": name}, token).json()["name"] == name
    assert caller.get(ALONE, token).json()[0]["name"] == name
