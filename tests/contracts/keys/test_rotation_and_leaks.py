"""Keys that are rotated, and keys that were found by strangers."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.models import AuditEvent, OutgoingMail, User
from apikeys.models import APIKey
from tests.contracts.keys.key_requests import (
    ALONE,
    ME,
    PLAIN,
    delete,
    each_mount,
    forge,
    in_seconds,
    refusal,
)

pytestmark = pytest.mark.django_db


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
def test_rotate_a_key_of_another_owner(caller, token, bobs, make, keys):
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
def test_a_finder_revokes_a_leaked_key_and_its_owner_is_told(caller, make, keys):
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
def test_a_text_that_is_no_key_of_ours_ends_nothing(caller, make, keys):
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
