"""Genuine tokens at the wrong endpoint, at the wrong time, or of another deployment."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils.timezone import now

from accounts import keyring
from accounts.models import Session
from tests.conftest import PASSWORD
from tests.core.token_forgery import BODY, IDENTITIES, our_header, refreshed, signed

pytestmark = pytest.mark.django_db


def decoded(part: str) -> Any:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.mark.parametrize("kind", ["bearer", "form", "challenge", "id"])
def test_another_sort_of_token_opens_nothing(tokens, refused, kind):
    assert refused(tokens[kind])


def test_a_challenge_opens_nothing(caller, tokens, bob, refused):
    bob.must_change_password = True
    bob.save()
    session = caller.json("/v1/login", {"username": "bob", "password": PASSWORD}).json()["session"]
    assert refused(session)
    assert set(refreshed(caller, session, tokens["form access"]).values()) == {401}


@pytest.mark.parametrize("kind", ["access", "form access", "challenge access", "id", "envelope"])
def test_only_refresh_tokens_refresh(caller, tokens, kind):
    assert set(refreshed(caller, tokens[kind], tokens["form access"]).values()) == {401}
    assert caller.get("/api/v1/auth/me", tokens["access"]).status_code == 200


OWN_ENDPOINTS = {
    "bearer": {"shared bearer", "shared camel", "bearer", "camel"},
    "challenge": {"challenge", "challenge alone"},
    "form": {"form", "shared form"},
}


@pytest.mark.parametrize("kind", OWN_ENDPOINTS)
def test_a_refresh_token_is_good_at_its_own_endpoints_only(caller, tokens, kind):
    answers = refreshed(caller, tokens[kind], tokens["form access"])
    assert {endpoint for endpoint, status in answers.items() if status == 200} == OWN_ENDPOINTS[
        kind
    ] | {"revoke"}
    assert set(answers.values()) == {200, 401}


def test_times(caller, claims, settings):
    """Clocks of other nodes may be half a minute ahead; an expiry is exact."""
    at = int(now().timestamp())

    def status(**changed: int) -> int:
        return caller.get(
            "/api/v1/auth/me", signed(our_header(), {**claims, **changed})
        ).status_code

    assert {status(exp=at - 1), status(exp=at), status(exp=0), status(exp=-1)} == {401}
    assert status(exp=at + 60) == 200
    assert (status(nbf=at + 30), status(nbf=at + 3600)) == (200, 401)
    assert (status(iat=at + 30), status(iat=at + 3600)) == (200, 401)
    assert (status(iat=at + 60), status(iat=at + 70), status(nbf=at + 60), status(nbf=at + 70)) == (
        200,
        401,
        200,
        401,
    )
    assert status(iat=at - 3600) == 200


def test_a_session_past_its_end_opens_nothing_whatever_its_tokens_say(caller, tokens, claims):
    Session.objects.filter(pk=claims["sid"]).update(expires_at=now() - timedelta(seconds=1))
    assert caller.get("/api/v1/auth/me", tokens["access"]).status_code == 401
    assert (
        caller.json(
            "/c/bearer/api/v1/auth/refresh", {"refresh_token": tokens["bearer"]}
        ).status_code
        == 401
    )


ELSEWHERE: list[dict[str, Any]] = [
    {"iss": "https://other.example"},
    {"iss": "http://testserver/"},
    {"iss": ["http://testserver"]},
    {"iss": ""},
    {"aud": "other"},
    {"aud": ["http://testserver", "other"]},
]


@pytest.mark.parametrize("changed", ELSEWHERE, ids=repr)
def test_tokens_of_another_deployment_with_the_same_key(caller, tokens, claims, refused, changed):
    assert refused(signed(our_header(), {**claims, **changed}))
    refresh = jwt.decode(tokens["bearer"], options={"verify_signature": False})
    assert set(
        refreshed(
            caller, signed(our_header(), {**refresh, **changed}), tokens["form access"]
        ).values()
    ) == {401}


def test_tokens_are_read_from_the_authorization_header_only(caller, tokens):
    token = tokens["access"]
    caller.http.cookies.load(
        {
            "access_token": token,
            "token": token,
            "refresh_token": tokens["form"],
            "Authorization": f"Bearer {token}",
        }
    )
    for path in IDENTITIES:
        for query in (
            "",
            f"?access_token={token}",
            f"?token={token}",
            f"?Authorization=Bearer%20{token}",
        ):
            assert caller.get(path + query).status_code == 401
        for name in ("X-Access-Token", "X-Authorization", "Token", "Proxy-Authorization"):
            assert caller.get(path, **{name: f"Bearer {token}"}).status_code == 401
    assert caller.http.post("/api/v1/auth/logout").status_code == 401
    assert caller.form("/c/camel/api/v1/auth/logout", f"access_token={token}").status_code == 401
    assert caller.get("/api/v1/auth/me", token).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_in_any_case(caller, tokens, scheme):
    assert (
        caller.get("/api/v1/auth/me", Authorization=f"{scheme} {tokens['access']}").status_code
        == 200
    )
    assert (
        caller.get(
            "/api/auth/validate", Authorization=f"{scheme}   {tokens['access']} "
        ).status_code
        == 200
    )


def test_other_schemes_and_two_values(tokens, protected):
    token = tokens["access"]
    for authorization in (
        f"Token {token}",
        f"JWT {token}",
        f"Basic {token}",
        f"Bearer{token}",
        f"Bearer:{token}",
        token,
        "Bearer",
        "Bearer ",
        "",
        " ",
        f"Bearer {token}, Bearer {token}",
        f"Bearer {token},Bearer x",
        f"Bearer {token} {token}",
        f"Bearer x, Bearer {token}",
        f'Bearer token="{token}"',
        f"Bearer\t{token}",
        f"Béarer {token}",
        f"Digest, Bearer {token}",
    ):
        assert protected(authorization) == {401}


def test_published_keys_have_no_private_half(caller, db):
    keys = caller.get("/.well-known/jwks.json").json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert {"kid", "alg", "kty", "use"} <= key.keys()
        assert not {"d", "p", "q", "dp", "dq", "qi", "k", "oth"} & key.keys()


def test_both_keys_verify_until_the_old_one_is_retired(caller, tokens):
    old = keyring.current().kid
    keyring.rotate()
    assert keyring.current().kid != old
    later = caller.json("/c/bearer/api/v1/auth/login", BODY).json()["access_token"]
    assert decoded(later.partition(".")[0])["kid"] == keyring.current().kid
    assert [
        caller.get("/api/v1/auth/me", token).status_code for token in (tokens["access"], later)
    ] == [200, 200]
    assert (
        caller.json(
            "/c/bearer/api/v1/auth/refresh", {"refresh_token": tokens["bearer"]}
        ).status_code
        == 200
    )
    keyring.retire(old)
    assert [
        caller.get("/api/v1/auth/me", token).status_code for token in (tokens["access"], later)
    ] == [401, 200]
    assert set(refreshed(caller, tokens["bearer"], later).values()) == {401}
    assert old not in [key["kid"] for key in caller.get("/.well-known/jwks.json").json()["keys"]]
