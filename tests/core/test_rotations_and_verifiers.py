"""Services that run while the signing key is rotated twice: they refuse no good token.

Each is a process that starts before the first rotation, and is asked about tokens from then on.
"""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import jwt
import pytest
from django.core.management import call_command
from django.utils.timezone import now

from accounts import keyring
from accounts.models import SigningKey
from tests.conftest import PASSWORD
from tests.verifiers.processes import HERE, Service, node

KEPT_SECONDS = 0.1  # instead of five minutes, for which verifiers keep the set
BODY = {"username": "alice", "password": PASSWORD}


def command(library: str) -> list[str | Path]:
    if library == "jose":
        return [node("jose"), HERE / "with_jose.mjs"]
    return [sys.executable, HERE / f"with_{library}.py"]


@pytest.fixture(params=["pyjwt", "authlib", "jose"])
def verifier(request, live_server, settings) -> Iterator[Service]:
    issuer, settings.PUBLIC_URL = settings.PUBLIC_URL, live_server.url
    arguments = issuer, live_server.url, str(KEPT_SECONDS)
    with Service(*command(request.param), *arguments) as started:
        yield started


def an_hour_passes() -> None:
    """Make the keys older than they are, and wait until no verifier has the set that it had."""
    for key in SigningKey.objects.all():
        key.created_at -= keyring.KNOWN_AFTER
        key.save()
    time.sleep(2 * KEPT_SECONDS)


@pytest.mark.django_db(transaction=True)
def test_no_good_token_is_refused_through_two_rotations(caller, alice, verifier):
    def log_in():
        return caller.json("/c/bearer/api/v1/auth/login", BODY).json()

    tokens = [log_in()["access_token"]]
    assert verifier.says(tokens[0]) == str(alice.uuid)
    for _ in range(2):
        an_hour_passes()
        assert verifier.says(tokens[-1]) == str(alice.uuid)
        call_command("rotate_signing_key", stdout=StringIO())
        pair = log_in()
        tokens.append(pair["access_token"])
        assert [verifier.says(token) for token in tokens] == [str(alice.uuid)] * len(tokens)
        assert verifier.says(pair["refresh_token"]) != str(alice.uuid)
    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 3


def test_a_key_is_published_for_longer_than_its_set_is_kept():
    """The verifier obeys max-age and never asks for an unknown key id; its node is slow."""
    node = timedelta(seconds=keyring.MAX_AGE_SECONDS)
    assert keyring.JWKS_MAX_AGE + node < keyring.KNOWN_AFTER
    assert timedelta(minutes=10) < keyring.KNOWN_AFTER  # jose keeps a set for so long


@pytest.mark.parametrize(("algorithm", "known"), [("ES256", False), ("HS256", True)])
def test_no_verifier_has_to_learn_a_shared_secret(algorithm, known):
    assert keyring.is_known(SigningKey(algorithm=algorithm, created_at=now())) is known


@pytest.mark.django_db
def test_the_set_says_how_long_it_may_be_kept(caller):
    kept = caller.get("/.well-known/jwks.json")["Cache-Control"]
    assert kept == f"public, max-age={int(keyring.JWKS_MAX_AGE.total_seconds())}"


@pytest.mark.django_db
def test_a_rotation_changes_the_etag_of_the_set(caller):
    before = caller.get("/.well-known/jwks.json")
    keyring.rotate()
    again = caller.get("/.well-known/jwks.json", **{"If-None-Match": before["ETag"]})
    assert (again.status_code, len(again.json()["keys"])) == (200, 3)
    assert {key["kid"] for key in before.json()["keys"]} <= {k["kid"] for k in again.json()["keys"]}
