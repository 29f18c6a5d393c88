"""Paths that a key opens, and those that it never does."""

import pytest
from django.utils.timezone import now

from accounts.models import AuditEvent, Session, User
from apikeys.models import APIKey, KnownAddress
from tests.conftest import PASSWORD
from tests.contracts.keys.key_requests import ALONE, ME, PLAIN, VALIDATE, each_opening, forge

pytestmark = pytest.mark.django_db


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
def test_validate_names_user_and_scopes_in_headers(caller, make, token, scopes, said):
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


def test_a_key_ends_nothing_at_a_logout_that_needs_no_token(caller, make):
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
