"""API keys of document 001, its examples in its own order.

Then the paths that a key opens, and those that it never does.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts.models import AuditEvent, OutgoingMail, Session, User
from apikeys.key_format import checksum
from apikeys.models import APIKey, KnownAddress
from tests.conftest import PASSWORD
from tests.contracts.clients import BY_NAME
from tests.contracts.endpoints import errors_of, problem
from tests.contracts.test_bad_input import WRONG_TYPES, bad_json, raw

pytestmark = pytest.mark.django_db
PLAIN, ALONE = "/api/v1/auth/keys", "/c/camel/api/v1/auth/keys"
ME, VALIDATE = "/api/v1/auth/me", "/api/auth/validate"
KEY = re.compile(r"sk_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
each_mount = pytest.mark.parametrize("keys", [ALONE, PLAIN])
each_opening = pytest.mark.parametrize(
    "path", [ME, VALIDATE, "/c/form/api/v1/auth/me", "/c/envelope/api/auth/validate"]
)


def refusal(keys, text):
    """Return the body of an error: the same at both mounts, since one document has these paths."""
    return {"error": text}


def log_in(caller, username="alice"):
    return caller.json(
        "/c/camel/api/v1/auth/login", {"username": username, "password": PASSWORD}
    ).json()["token"]


@pytest.fixture
def token(caller, alice):
    return log_in(caller)


@pytest.fixture
def bobs(caller, bob):
    return log_in(caller, "bob")


@pytest.fixture
def make(caller, token):
    """Return a key of Alice's, as it was shown to her; an operator has granted its scopes."""

    def make(scopes=("profile",), **asked):
        made = caller.json(PLAIN, asked, token).json()
        APIKey.objects.filter(pk=made["keyId"].removeprefix("key_")).update(
            scope=" ".join(sorted(scopes)), granted_at=now()
        )
        return made

    return make


def delete(caller, path, token=""):
    return caller.http.delete(path, headers={"Authorization": f"Bearer {token}"} if token else {})


def in_seconds(stamp):
    return datetime.fromisoformat(stamp).astimezone(UTC)


def forge(key_id, body):
    """Return a key that nobody made, whose checksum is right."""
    return f"sk_live_{key_id}_{body}{checksum(key_id + body)}"


# The document's examples


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
def test_who_is_no_operator_asks_in_vain_for_a_key_that_introspects(caller, token, keys, scopes):
    answer = caller.json(keys, {"scopes": scopes}, token)
    assert (answer.status_code, answer.json()) == (
        403,
        refusal(keys, "The scope introspect is granted by an operator"),
    )
    assert not APIKey.objects.exists()


@pytest.mark.parametrize(
    "flags",
    [{"is_staff": True}, {"is_staff": True, "is_superuser": True}],
    ids=["admin", "super admin"],
)
def test_an_operator_makes_a_key_that_introspects(caller, alice, token, flags):
    """By the role that the account has now."""
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
def test_delete_of_what_is_not_there(caller, token, make, keys):
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


# Rotation


@each_mount
def test_rotate_gives_a_successor_and_the_old_one_works_for_a_day(caller, token, make, keys):
    old = make(name="CI", scopes=["introspect", "profile"])
    answer = caller.json(f"{keys}/{old['keyId']}/rotate", {}, token)
    new = answer.json()
    more = {} if keys == ALONE else {"expiresAt": None, "scopes": ["introspect", "profile"]}
    assert answer.status_code == 201
    assert new == {
        "keyId": new["keyId"],
        "apiKey": new["apiKey"],
        "name": "CI",
        "createdAt": new["createdAt"],
        **more,
    }
    assert new["keyId"] != old["keyId"]
    assert [caller.get(ME, key["apiKey"]).status_code for key in (old, new)] == [200, 200]
    left = APIKey.objects.get(pk=old["keyId"][4:]).expires_at - now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_rotate_with_an_overlap_of_ones_choice(caller, token, make):
    for seconds in (3600, 30 * 86_400):
        old = make()
        assert (
            caller.json(
                f"{PLAIN}/{old['keyId']}/rotate", {"overlapSeconds": seconds}, token
            ).status_code
            == 201
        )
        left = APIKey.objects.get(pk=old["keyId"][4:]).expires_at - now()
        assert timedelta(seconds=seconds - 10) < left <= timedelta(seconds=seconds)


def test_after_the_overlap_only_the_successor_works(caller, token, make):
    old = make()
    new = caller.json(f"{PLAIN}/{old['keyId']}/rotate", {}, token).json()
    APIKey.objects.filter(pk=old["keyId"][4:]).update(expires_at=now() - timedelta(milliseconds=5))
    assert [caller.get(ME, key["apiKey"]).status_code for key in (old, new)] == [401, 200]


def test_an_overlap_never_lets_the_old_key_live_longer(caller, token, make):
    soon = now() + timedelta(minutes=5)
    old = make(expiresAt=soon.isoformat())
    new = caller.json(f"{PLAIN}/{old['keyId']}/rotate", {}, token).json()
    assert APIKey.objects.get(pk=old["keyId"][4:]).expires_at == soon
    assert abs(in_seconds(new["expiresAt"]) - soon) < timedelta(seconds=10)


def test_a_successor_lives_as_long_as_its_predecessor_was_to(caller, token, make):
    old = make(expiresAt=(now() + timedelta(days=90)).isoformat())
    APIKey.objects.update(
        created_at=now() - timedelta(days=10), expires_at=now() + timedelta(days=80)
    )
    new = caller.json(f"{PLAIN}/{old['keyId']}/rotate", {}, token).json()
    assert abs(in_seconds(new["expiresAt"]) - now() - timedelta(days=90)) < timedelta(seconds=10)


def test_a_key_that_lives_until_the_end_of_the_calendar_can_be_rotated(caller, token, make):
    old = make(expiresAt="9999-12-31T23:59:59Z")
    APIKey.objects.update(created_at=now() - timedelta(days=10))
    answer = caller.json(f"{PLAIN}/{old['keyId']}/rotate", {}, token)
    assert (answer.status_code, answer.json().get("expiresAt", "")[:4]) == (201, "9999")


@each_mount
def test_rotate_twice(caller, token, make, keys):
    old = make()
    new = caller.json(f"{keys}/{old['keyId']}/rotate", {}, token).json()
    answer = caller.json(f"{keys}/{old['keyId']}/rotate", {}, token)
    assert (answer.status_code, answer.json()) == (409, refusal(keys, "API key was rotated before"))
    assert caller.json(f"{keys}/{new['keyId']}/rotate/", {}, token).status_code == 201


@each_mount
def test_rotate_what_is_not_ones_own(caller, token, bobs, make, keys):
    key = make()
    for token_, key_id in ((bobs, key["keyId"]), (token, "key_abc123"), (token, "key_00000000")):
        answer = caller.json(f"{keys}/{key_id}/rotate", {}, token_)
        assert (answer.status_code, answer.json()) == (404, refusal(keys, "API key not found"))
    assert APIKey.objects.get().rotated_at is None


@each_mount
def test_the_fifty_first_key(caller, token, make, keys):
    APIKey.objects.bulk_create(
        APIKey(id=f"0000{n:04}", owner=User.objects.get(username="alice"), digest="", scope="")
        for n in range(50)
    )
    answer = caller.json(keys, {}, token)
    assert (answer.status_code, answer.json()) == (
        409,
        refusal(keys, "Too many API keys: delete one first"),
    )
    delete(caller, f"{keys}/key_00000007", token)
    assert caller.json(keys, {}, token).status_code == 201


# Leaked keys


@each_mount
def test_whoever_finds_a_key_ends_it_and_its_owner_is_told(caller, make, keys):
    key = make(name="CI")
    answer = caller.json(f"{keys}/revoke-leaked", {"apiKey": key["apiKey"]})
    assert (answer.status_code, answer.content, answer.headers.get("Content-Type")) == (
        204,
        b"",
        None,
    )
    assert caller.get(ME, key["apiKey"]).status_code == 401
    mail = OutgoingMail.objects.get(template="key_leaked")
    assert (str(mail.user), mail.data) == ("alice", {"name": "CI", "key": key["keyId"]})
    assert (
        AuditEvent.objects.filter(
            kind="key_leaked", user__username="alice", name=key["keyId"]
        ).count()
        == 1
    )


def test_a_leak_that_is_reported_twice_is_one_mail(caller, make):
    key = make()
    for text in (key["apiKey"], f" {key['apiKey']}\n"):
        assert caller.json(f"{PLAIN}/revoke-leaked/", {"apiKey": text}).status_code == 204
    assert [
        model.objects.filter(**{field: "key_leaked"}).count()
        for model, field in ((OutgoingMail, "template"), (AuditEvent, "kind"))
    ] == [1, 1]


@each_mount
def test_what_is_no_key_of_ours_ends_nothing(caller, make, keys):
    key, other = make(), make()
    changed = key["apiKey"][:-1] + ("a" if key["apiKey"][-1] != "a" else "b")
    forged = forge(key["apiKey"][8:16], other["apiKey"][17:49])
    for text in (
        changed,
        forged,
        key["keyId"],
        key["apiKey"].lower(),
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx",
        "x",
    ):
        answer = caller.json(f"{keys}/revoke-leaked", {"apiKey": text})
        assert (answer.status_code, answer.json()) == (404, refusal(keys, "API key not found"))
    assert caller.get(ME, key["apiKey"]).status_code == 200
    assert not OutgoingMail.objects.filter(template="key_leaked").exists()


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"apiKey": None},
        {"apiKey": 7},
        {"apiKey": ["x"]},
        {"apiKey": ""},
        {"apiKey": "x" * 2000},
        [],
        None,
    ],
)
def test_a_report_without_a_key(caller, sent):
    answer = caller.json(f"{ALONE}/revoke-leaked", sent)
    assert (answer.status_code, answer.json().keys()) == (400, {"error"})


# Requests


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
    """As programs send that have nothing to say."""
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
    """Nothing is made for it; and a key is not found in it, though it is there."""
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


def test_what_a_client_may_not_choose_is_ignored(caller, token, bob):
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


# Paths that a key opens


@pytest.mark.parametrize(
    "how", ["Authorization", "authorization, in capitals", "X-API-Key", "both"]
)
@each_opening
def test_a_key_says_who_its_owner_is(caller, make, token, path, how):
    secret = make()["apiKey"]
    headers = {
        "Authorization": {"Authorization": f"Bearer {secret}"},
        "authorization, in capitals": {"Authorization": f"BEARER {secret}"},
        "X-API-Key": {"X-API-Key": secret},
        "both": {"Authorization": f"Bearer {secret}", "X-API-Key": secret},
    }[how]
    by_key, by_token = caller.http.get(path, headers=headers), caller.get(path, token)
    assert (by_key.status_code, by_key.json()) == (200, by_token.json())
    assert by_key["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("scopes", "said"),
    [(["profile"], "profile"), (["profile", "introspect"], "introspect profile")],
)
def test_validate_says_in_headers_who_and_what_for(caller, make, token, scopes, said):
    answer = caller.get(VALIDATE, make(scopes=scopes)["apiKey"])
    assert (answer["X-Auth-User"], answer["X-Auth-Role"], answer["X-Auth-Scopes"]) == (
        "alice",
        "user",
        said,
    )
    assert caller.get(VALIDATE, token)["X-Auth-Scopes"] == "session"


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (ME, {"detail": "Forbidden"}),
        ("/c/form/api/v1/auth/me", {"detail": "Forbidden"}),
        (VALIDATE, {"success": False, "message": "Forbidden"}),
    ],
)
def test_a_key_that_may_only_introspect_does_not_say_who_its_owner_is(caller, make, path, refused):
    answer = caller.get(path, make(scopes=["introspect"])["apiKey"])
    assert (answer.status_code, answer.json()) == (403, refused)
    assert "X-Auth-User" not in answer.headers


@each_opening
def test_a_key_that_opens_nothing(caller, make, path):
    secret, other, expired = make()["apiKey"], make()["apiKey"], make(name="expired")["apiKey"]
    APIKey.objects.filter(name="expired").update(expires_at=now())
    bad = [
        secret.swapcase(),
        secret[:-1],
        secret + "x",
        secret[8:],
        expired,
        forge(secret[8:16], other[17:49]),
        "sk_live_",
        "sk_live_é",
    ]
    for text in bad:
        for headers in ({"Authorization": f"Bearer {text}"}, {"X-API-Key": text}):
            answer = caller.http.get(path, headers=headers)
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@each_opening
def test_two_credentials_are_none(caller, make, token, path):
    one, two = make()["apiKey"], make()["apiKey"]
    for headers in (
        {"Authorization": f"Bearer {one}", "X-API-Key": two},
        {"Authorization": f"Bearer {token}", "X-API-Key": one},
        {"Authorization": f"Bearer {one}, Bearer {one}"},
        {"X-API-Key": f"{one},{one}"},
        {"X-API-Key": token},
        {"Authorization": f"Basic {one}"},
    ):
        assert caller.http.get(path, headers=headers).status_code == 401


@each_opening
def test_a_key_in_a_query_or_a_cookie_is_none(caller, make, path):
    secret = make()["apiKey"]
    for name in ("api_key", "apiKey", "key", "token", "access_token", "X-API-Key"):
        assert caller.get(f"{path}?{name}={secret}").status_code == 401
        caller.http.cookies[name] = secret
    assert caller.get(path).status_code == 401
    assert not AuditEvent.objects.filter(kind="key_used_from_new_address").exists()


# Paths that a key never opens


@pytest.mark.parametrize("scopes", [["profile"], ["introspect"], ["profile", "introspect"]])
def test_a_key_never_manages_keys(caller, make, scopes):
    key, other = make(scopes=scopes), make()
    for keys in (PLAIN, ALONE):
        for headers in ({"Authorization": f"Bearer {key['apiKey']}"}, {"X-API-Key": key["apiKey"]}):
            assert caller.json(keys, {}, **headers).status_code == 401
            assert caller.http.get(keys, headers=headers).status_code == 401
            assert (
                caller.http.delete(f"{keys}/{other['keyId']}", headers=headers).status_code == 401
            )
            assert caller.json(f"{keys}/{other['keyId']}/rotate", {}, **headers).status_code == 401
    assert APIKey.objects.live().filter(rotated_at=None).count() == 2


@pytest.mark.parametrize(
    "path", ["/api/v1/auth/logout", "/c/camel/api/v1/auth/logout", "/c/form/api/v1/auth/logout"]
)
def test_a_key_logs_nobody_out(caller, make, path):
    key = make()["apiKey"]
    assert caller.json(path, {}, key).status_code == 401
    assert caller.json(path, {}, **{"X-API-Key": key}).status_code == 401
    assert Session.objects.live().exists()
    assert caller.get(ME, key).status_code == 200


def test_where_a_logout_needs_no_token_a_key_ends_nothing(caller, make):
    key = make()["apiKey"]
    assert caller.json("/api/auth/logout", {}, key).json() == {
        "success": True,
        "message": "Logged out",
    }
    assert Session.objects.live().exists()
    assert caller.get(ME, key).status_code == 200


def test_a_key_is_no_refresh_token(caller, make):
    key = make()["apiKey"]
    pair = caller.form("/api/v1/auth/login", "username=alice&password=correct+horse+battery").json()
    for path, sent in (
        ("/api/v1/auth/refresh", {"refresh_token": key}),
        ("/api/v1/auth/refresh", {"refreshToken": key}),
        ("/api/v1/auth/refresh", {"token": key}),
        ("/api/v1/auth/refresh", {"token": pair["refresh_token"]["token"]}),
        ("/v1/token-refresh", {"username": "alice", "refresh_token": key}),
        ("/v1/token-revoke", {"refresh_token": key}),
    ):
        assert caller.json(path, sent, key).status_code == 401
        assert caller.json(path, sent, **{"X-API-Key": key}).status_code == 401
    access, refresh = pair["access_token"]["token"], pair["refresh_token"]["token"]
    assert caller.json("/api/v1/auth/refresh", {"token": refresh}, access).status_code == 200


def test_a_key_changes_no_password(caller, make):
    key = make()["apiKey"]
    asked = {
        "access_token": key,
        "previous_password": PASSWORD,
        "proposed_password": "another good horse",
    }
    assert caller.json("/v1/change-password", asked, key).status_code == 401
    del asked["access_token"]
    assert caller.json("/v1/change-password", asked, key).status_code in (401, 422)
    assert User.objects.get(username="alice").check_password(PASSWORD)


@pytest.mark.parametrize("which", ["aws-credentials", "nvidia-credentials"])
def test_a_key_never_sees_provider_credentials_not_even_a_super_admins(caller, olga, which):
    secret = APIKey.objects.issue(olga.pk, scopes=["profile", "introspect"])[1]
    assert caller.get(VALIDATE, secret)["X-Auth-Role"] == "super_admin"
    for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
        assert caller.http.get(f"/api/auth/{which}", headers=headers).status_code in (401, 403)


def test_nothing_that_is_answered_shows_a_key_again(caller, make, token):
    key = make()
    new = caller.json(f"{PLAIN}/{key['keyId']}/rotate", {}, token).json()
    answers = [caller.get(path, token) for path in (PLAIN, ALONE, ME, VALIDATE)]
    answers += [
        caller.get(path, secret)
        for path in (ME, VALIDATE)
        for secret in (key["apiKey"], new["apiKey"])
    ]
    answers += [
        caller.json(f"{PLAIN}/revoke-leaked", {"apiKey": key["apiKey"]}),
        caller.get(f"{PLAIN}/{key['apiKey']}", token),
    ]
    shown = b"".join(answer.content + str(answer.headers).encode() for answer in answers)
    digests = list(APIKey.objects.values_list("digest", flat=True))
    for secret in (key["apiKey"], new["apiKey"], *digests):
        assert secret.encode() not in shown
        assert secret[17:].encode() not in shown
    assert KnownAddress.objects.count() == 0
