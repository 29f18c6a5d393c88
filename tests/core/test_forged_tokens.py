"""Forged tokens: other algorithms, keys and signatures, and changed characters.

None of them is accepted at any endpoint.
"""

import hashlib
import hmac
import json
import string
from base64 import urlsafe_b64decode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts import keyring
from tests.core.token_forgery import encoded, our_header, refreshed, signed

pytestmark = pytest.mark.django_db
BASE64URL = string.ascii_letters + string.digits + "-_"


def test_the_same_claims_under_our_own_key_are_good(caller, tokens, claims):
    """The tests below change one thing each: what they see refused is refused for that."""
    assert caller.get("/api/v1/auth/me", signed(our_header(), claims)).status_code == 200
    refresh = jwt.decode(tokens["bearer"], options={"verify_signature": False})
    answer = caller.json(
        "/c/bearer/api/v1/auth/refresh", {"refresh_token": signed(our_header(), refresh)}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", None, 0, [], "none ", "ES256\0", "es256"]
)
def test_no_algorithm(caller, tokens, claims, refused, algorithm):
    _, _, signature = tokens["access"].split(".")
    for header in (our_header(alg=algorithm), {"alg": algorithm}, {"kid": keyring.current().kid}):
        for end in ("", ".", f".{encoded(b'')}"):
            assert refused(f"{encoded(header)}.{encoded(claims)}{end}")
    assert refused(
        f"{encoded(our_header(alg=algorithm))}.{encoded({**claims, 'sub': 'x'})}.{signature}"
    )
    refresh = jwt.decode(tokens["bearer"], options={"verify_signature": False})
    assert set(
        refreshed(
            caller,
            f"{encoded(our_header(alg=algorithm))}.{encoded(refresh)}.",
            tokens["form access"],
        ).values()
    ) == {401}


def test_the_public_key_as_a_shared_secret(caller, tokens, claims, refused):
    public, jwk = keyring.current().public, keyring.jwks()["keys"][0]
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secrets = [
        pem,
        pem.rstrip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":")).encode(),
        json.dumps({"keys": [jwk]}).encode(),
        keyring.current().kid.encode(),
        b"",
        b"\0",
        b"secret",
    ]
    for algorithm, digest in (
        ("HS256", hashlib.sha256),
        ("HS384", hashlib.sha384),
        ("HS512", hashlib.sha512),
        ("ES256", hashlib.sha256),
    ):
        message = f"{encoded(our_header(alg=algorithm))}.{encoded(claims)}"
        for secret in secrets:
            assert refused(f"{message}.{encoded(hmac.digest(secret, message.encode(), digest))}")


def test_another_key_under_our_key_id(caller, tokens, claims, refused):
    assert refused(signed(our_header(), claims, ec.generate_private_key(ec.SECP256R1())))
    assert refused(
        jwt.encode(
            claims,
            ec.generate_private_key(ec.SECP384R1()),
            "ES384",
            headers={"kid": keyring.current().kid},
        )
    )
    assert refused(
        jwt.encode(
            claims,
            keyring.current().private,
            "ES256",
            headers={"kid": keyring.jwks()["keys"][1]["kid"]},
        )
    )


def test_signatures_that_are_none(claims, tokens, refused):
    """Zeros pass a verifier that skips the range check (CVE-2022-21449); JOSE does not use DER."""
    message, _, signature = tokens["access"].rpartition(".")
    genuine = urlsafe_b64decode(signature + "==")
    r, s = int.from_bytes(genuine[:32], "big"), int.from_bytes(genuine[32:], "big")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    swapped, der = genuine[32:] + genuine[:32], encode_dss_signature(r, s)
    for bad in (
        bytes(64),
        order.to_bytes(32, "big") * 2,
        genuine[:63],
        genuine + b"\0",
        swapped,
        der,
        b"",
        b"\0",
    ):
        assert refused(f"{message}.{encoded(bad)}")


def test_one_character_changed_anywhere(caller, tokens):
    """The last character counts too, though some of its bits mean nothing."""
    token = tokens["access"]
    accepted = [
        (place, token[place], other)
        for place in range(len(token))
        if token[place] != "."
        for other in [BASE64URL[BASE64URL.index(token[place]) ^ 1]]
        if caller.get("/api/v1/auth/me", token[:place] + other + token[place + 1 :]).status_code
        != 401
    ]
    assert accepted == []


@pytest.mark.parametrize("extra", ["=", "==", "!", "\t", "é", "%", "~", "A", "!!!!", "===="])
def test_one_character_more_anywhere(caller, tokens, extra):
    """A decoder that skips characters outside base64 would accept many spellings."""
    header, payload, signature = tokens["access"].split(".")
    inside = f"{signature[:9]}{extra}{signature[9:]}"
    for token in (
        f"{header}{extra}.{payload}.{signature}",
        f"{header}.{payload}{extra}.{signature}",
        f"{header}.{payload}.{inside}",
    ):
        assert caller.get("/api/v1/auth/me", token).status_code == 401
        assert (
            caller.json(
                "/v1/token-refresh", {"username": "alice", "refresh_token": token}
            ).status_code
            == 401
        )


def test_other_spellings_of_a_refresh_token_are_not_counted_apart(caller, tokens, settings):
    settings.CHALLENGE_REFRESH_RATE = "2/24h"
    header, payload, signature = tokens["challenge"].split(".")
    spellings = [tokens["challenge"]] * 2 + [
        f"{header}.{payload}.{signature[:place]}!!!!{signature[place:]}" for place in range(1, 6)
    ]
    answers = [
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": token}).status_code
        for token in spellings
    ]
    assert answers.count(200) == 2


def test_parts_missing_doubled_and_swapped(tokens, refused):
    header, payload, signature = tokens["access"].split(".")
    for token in (
        header,
        payload,
        f"{header}.{payload}",
        f"{header}..{signature}",
        f".{payload}.{signature}",
        "..",
        ".",
        "...",
        "null",
        "Bearer",
        f"{header}.{signature}.{payload}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{payload}.{signature}.",
        f".{header}.{payload}.{signature}",
        payload * 20,
        "a" * 60_000,
        f"{header}.{payload}.{tokens['bearer'].rpartition('.')[2]}",
        f"{header}.{tokens['bearer'].split('.')[1]}.{signature}",
        "\xff",
    ):
        assert refused(token)


def test_an_expiry_pushed_out_under_the_old_signature(tokens, claims, refused):
    header, _, signature = tokens["access"].split(".")
    assert refused(f"{header}.{encoded({**claims, 'exp': claims['exp'] + 86400})}.{signature}")
    assert refused(
        f"{header}.{encoded({**claims, 'token_type': 'access', 'sub': claims['sub']})}.{signature}"
    )
