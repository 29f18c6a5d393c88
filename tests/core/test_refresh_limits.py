"""Limits of the refreshes of one token, and Retry-After."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import partial

import jwt
import pytest

from accounts import keyring
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/v1/token-refresh", "/c/challenge/v1/token-refresh"])
def test_the_91st_refresh_of_one_token_is_refused(caller, alice, path):
    first, second = (
        caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
            "refresh_token"
        ]
        for _ in range(2)
    )
    statuses = [
        caller.json(path, {"username": "alice", "refresh_token": first}).status_code
        for _ in range(90)
    ]
    answer = caller.json(path, {"username": "alice", "refresh_token": first})
    assert (set(statuses), answer.status_code) == ({200}, 429)
    assert answer.json() == {"message": answer.json()["message"], "status": 429}
    assert 1 <= int(answer["Retry-After"]) <= 86_400
    assert (
        caller.json(
            "/v1/token-refresh", {"username": "alice", "refresh_token": f" {first}\n"}
        ).status_code
        == 429
    )
    assert (
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": second}).status_code
        == 200
    )
    assert caller.json("/v1/token-revoke", {"refresh_token": first}).status_code == 200


def second_signature(token: str) -> str:
    """Return the token with its other ECDSA signature: the order of P-256 less ``s``."""
    message, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return f"{message}.{urlsafe_b64encode(other).decode().rstrip('=')}"


def in_ecdsa(token: str) -> str:
    """Sign the token with a published key, as before refresh tokens had secrets of their own.

    Such tokens are good until they expire.
    """
    return keyring.current().sign(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize(
    "spell",
    [
        lambda token: (token, f"{token}="),
        lambda token: (in_ecdsa(token), f"{in_ecdsa(token)}=="),
        lambda token: (in_ecdsa(token), second_signature(in_ecdsa(token))),
    ],
)
def test_a_refresh_token_spelled_in_another_way_is_the_same_token(caller, alice, settings, spell):
    settings.CHALLENGE_REFRESH_RATE = "2/24h"
    given = caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
        "refresh_token"
    ]
    asked = [
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": token})
        for token in spell(given) * 2
    ]
    assert [answer.status_code for answer in asked] == [200, 200, 429, 429]


def test_a_token_that_opens_nothing_is_refused_and_not_counted(caller, alice, settings):
    settings.CHALLENGE_REFRESH_RATE = "1/24h"
    asked = [
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": "abc"}).status_code
        for _ in range(3)
    ]
    assert asked == [401] * 3


@pytest.mark.parametrize(
    "path", ["/v1/login", "/v1/token-refresh", "/v1/forgot-password", "/forgot", "/change-password"]
)
def test_no_answer_says_to_try_again_in_no_time(caller, alice, settings, path):
    """In a window of a second no whole second is left; a client would obey a 0."""
    settings.LOGIN_RATE_PER_NAME = settings.FORGOT_RATE_PER_ADDRESS = (
        settings.CHALLENGE_REFRESH_RATE
    ) = "1/1s"
    refresh = caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
        "refresh_token"
    ]
    fields = {"username": "alice", "password": "wrong", "refresh_token": refresh}
    page = {
        "identifier": "alice",
        "current": "wrong",
        "password": "eine Zeile, die keiner kennt",
        "again": "eine Zeile, die keiner kennt",
    }
    send = (
        partial(caller.json, path, fields)
        if path.startswith("/v1/")
        else partial(caller.http.post, path, page)
    )
    refused = next(answer for _ in range(200) if (answer := send()).status_code == 429)
    assert refused["Retry-After"] == "1"
