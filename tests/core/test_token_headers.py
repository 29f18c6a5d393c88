"""Headers and claims that a token of this service never has."""

import socket
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from accounts import keyring
from tests.core.token_forgery import our_header, refreshed, signed

pytestmark = pytest.mark.django_db


def test_a_key_that_the_token_brings_along(claims, refused):
    """Nothing is fetched: no connection reaches the address that the header names."""
    own = ec.generate_private_key(ec.SECP256R1())
    jwk = {
        **ECAlgorithm.to_jwk(own.public_key(), as_dict=True),
        "kid": keyring.current().kid,
        "use": "sig",
        "alg": "ES256",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/keys.json"
        for more in (
            {"jwk": jwk},
            {"jku": url},
            {"x5u": url},
            {"x5c": ["MIIB"]},
            {"jwk": jwk, "jku": url, "x5t": "a", "x5t#S256": "b"},
        ):
            assert refused(signed(our_header(**more), claims, own))
            assert refused(signed({**our_header(**more), "kid": "mine"}, claims, own))
            assert refused(signed({**our_header(**more), "kid": url}, claims, own))
        with pytest.raises(BlockingIOError):
            listener.accept()


KIDS: list[Any] = [
    "unknown",
    "",
    " ",
    "../../dev/null",
    "/dev/null",
    "' OR 1=1",
    "'; DROP TABLE accounts_signingkey; --",
    "\0",
    "a\0b",
    "\ud800",
    "k" * 10_000,
    "k" * 2_000,
    5,
    -1,
    1e308,
    True,
    None,
    [],
    {},
    ["a"],
    {"a": 1},
    "%s",
    "{0}",
    "\r\nX-A: b",
]


@pytest.mark.parametrize("kid", KIDS, ids=lambda kid: repr(kid)[:12])
def test_strange_key_ids(caller, tokens, claims, refused, kid):
    assert refused(signed(our_header(kid=kid), claims))
    refresh = jwt.decode(tokens["bearer"], options={"verify_signature": False})
    assert set(
        refreshed(caller, signed(our_header(kid=kid), refresh), tokens["form access"]).values()
    ) == {401}


def test_no_key_id(claims, refused):
    assert refused(signed({"alg": "ES256", "typ": "JWT"}, claims))


EXTENSIONS: list[dict[str, Any]] = [
    {"crit": ["x"], "x": 1},
    {"crit": ["exp"]},
    {"crit": []},
    {"crit": "b64"},
    {"crit": ["b64"], "b64": False},
    {"crit": None},
    {"b64": False},
    {"zip": "DEF"},
    {"enc": "A256GCM"},
]


@pytest.mark.parametrize("more", EXTENSIONS, ids=repr)
def test_headers_that_must_be_understood(claims, refused, more):
    assert refused(signed(our_header(**more), claims))


NO_OBJECTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"kid"',
    b"\xff",
    b"[" * 3_000,
    b'{"a":' * 600,
    b"9" * 3_000,
    b'{"kid": NaN}',
    b"{}",
]


@pytest.mark.parametrize("raw", NO_OBJECTS, ids=lambda raw: repr(raw[:9]))
def test_headers_and_claims_that_are_none(claims, refused, raw):
    """They are refused under our own signature too, as a fault of ours could make them."""
    assert refused(signed(raw, claims))
    assert refused(signed(our_header(), raw))


@pytest.mark.parametrize("claim", ["iss", "sub", "jti", "iat", "exp", "token_type"])
def test_claims_that_every_token_has(claims, refused, claim):
    assert refused(
        signed(our_header(), {name: value for name, value in claims.items() if name != claim})
    )
    assert refused(signed(our_header(), {**claims, claim: None}))
