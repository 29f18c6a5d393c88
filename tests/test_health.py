"""Health checks and public keys."""

import jwt
import pytest
from django.db import DatabaseError, connection
from django.urls import resolve

from accounts import keyring
from authsvc import health, paths
from tests.conftest import PASSWORD


def no_database(execute, sql, params, many, context):
    raise DatabaseError("gone")


def test_alive_is_said_without_the_database(caller):
    """Without a database fixture, pytest-django refuses every query."""
    answer = caller.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert not answer.cookies


def test_alive_is_said_to_anyone(caller):
    assert caller.http.head("/healthz").status_code == 200
    assert caller.json("/healthz").status_code == 405


@pytest.mark.parametrize(("address", "check"), health.CHECKS.items())
def test_a_check_is_served_at_its_path_and_is_for_programs(address, check):
    assert resolve(address).func is check
    assert paths.is_for_programs(address)


@pytest.mark.usefixtures("db")
def test_ready(caller):
    answer = caller.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "database": "ok", "cache": "ok"},
    )
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("db")
def test_not_ready_without_the_database(caller):
    with connection.execute_wrapper(no_database):
        answer = caller.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "unavailable", "database": "unreachable", "cache": "ok"},
    )


@pytest.mark.usefixtures("db")
def test_ready_but_not_well_without_redis(caller, settings):
    settings.CACHES = {
        **settings.CACHES,
        "default": {
            "BACKEND": "authsvc.cache.ResilientRedisCache",
            "LOCATION": "redis://127.0.0.1:9/0",
            "OPTIONS": {},
        },
    }
    answer = caller.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "degraded", "database": "ok", "cache": "unreachable"},
    )


@pytest.mark.usefixtures("db")
def test_the_published_keys_verify_a_token(caller, alice):
    token = caller.json(
        "/c/bearer/api/v1/auth/login", {"username": "alice", "password": PASSWORD}
    ).json()["access_token"]
    answer = caller.get("/.well-known/jwks.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/jwk-set+json")
    assert answer["Cache-Control"] == "public, max-age=300"
    key = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, algorithms=["ES256"])["sub"] == str(alice.uuid)


@pytest.mark.usefixtures("db")
def test_the_published_keys_are_public(caller):
    for key in caller.get("/.well-known/jwks.json").json()["keys"]:
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}


@pytest.mark.usefixtures("db")
def test_the_key_to_come_is_published_before_it_signs(caller):
    published = {key["kid"] for key in caller.get("/.well-known/jwks.json").json()["keys"]}
    assert keyring.rotate().kid in published
    assert keyring.current().kid in published


@pytest.mark.usefixtures("db")
def test_the_keys_are_still_published_while_the_database_is_gone(caller):
    with connection.execute_wrapper(no_database):
        keyring.reload()
        answer = caller.get("/.well-known/jwks.json")
    assert (answer.status_code, len(answer.json()["keys"])) == (200, 2)
