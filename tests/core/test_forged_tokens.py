"""Tokens that we never signed, or not for this: none of them opens anything, anywhere."""

import hashlib
import hmac
import json
import socket
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils.timezone import now
from jwt.algorithms import ECAlgorithm

from accounts import keyring
from accounts.models import Session
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
BODY = {"username": "alice", "password": PASSWORD}
IDENTITIES = (
    "/api/v1/auth/me",
    "/c/form/api/v1/auth/me",
    "/api/auth/validate",
    "/c/envelope/api/auth/validate",
)
LOGOUTS = ("/api/v1/auth/logout", "/c/camel/api/v1/auth/logout", "/c/form/api/v1/auth/logout")
FORM_REFRESHES = ("/api/v1/auth/refresh", "/c/form/api/v1/auth/refresh")
BASE64URL = string.ascii_letters + string.digits + "-_"


@pytest.fixture
def tokens(caller, alice) -> dict[str, str]:
    """One session of each kind: access and refresh tokens by contract, and an id token."""
    bearer = caller.json("/c/bearer/api/v1/auth/login", BODY).json()
    form = caller.multipart("/c/form/api/v1/auth/login", **BODY).json()
    caller.http.cookies.clear()
    challenge = caller.json("/v1/login", BODY).json()
    return {
        "access": bearer["access_token"],
        "bearer": bearer["refresh_token"],
        "form access": form["access_token"]["token"],
        "form": form["refresh_token"]["token"],
        "challenge": challenge["refresh_token"],
        "challenge access": challenge["access_token"],
        "id": challenge["id_token"],
        "envelope": caller.json("/api/auth/login", BODY).json()["token"],
    }


@pytest.fixture
def claims(tokens) -> dict[str, Any]:
    return jwt.decode(tokens["access"], options={"verify_signature": False})


@pytest.fixture
def protected(caller, tokens):
    """The statuses of every protected endpoint for what stands in an Authorization header."""

    def ask(authorization: str) -> set[int]:
        headers = {"Authorization": authorization}
        got = [caller.http.get(path, headers=headers) for path in IDENTITIES]
        posted = [caller.http.post(path, headers=headers) for path in LOGOUTS]
        refreshed = [
            caller.json(path, {"token": tokens["form"]}, **headers) for path in FORM_REFRESHES
        ]
        assert all(
            answer["WWW-Authenticate"] == "Bearer"
            for answer in [*got, *posted, *refreshed]
            if answer.status_code == 401
        )
        return {answer.status_code for answer in [*got, *posted, *refreshed]}

    return ask


@pytest.fixture
def refused(protected, caller, tokens):
    """Whether a token is 401 at every protected endpoint, and ends no session at the open ones."""

    def ask(token: str) -> bool:
        caller.http.post("/api/auth/logout", headers={"Authorization": f"Bearer {token}"})
        return (
            protected(f"Bearer {token}") == {401}
            and caller.get("/api/v1/auth/me", tokens["access"]).status_code == 200
        )

    return ask


def refreshed(caller, raw: str, holder: str) -> dict[str, int]:
    """What each refresh door, and the one for revoking, says of a refresh token."""
    return {
        "shared bearer": caller.json("/api/v1/auth/refresh", {"refresh_token": raw}).status_code,
        "shared camel": caller.json("/api/v1/auth/refresh", {"refreshToken": raw}).status_code,
        "shared form": caller.json("/api/v1/auth/refresh", {"token": raw}, holder).status_code,
        "bearer": caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": raw}).status_code,
        "camel": caller.json("/c/camel/api/v1/auth/refresh", {"refreshToken": raw}).status_code,
        "form": caller.json("/c/form/api/v1/auth/refresh", {"token": raw}, holder).status_code,
        "challenge": caller.json(
            "/v1/token-refresh", {"username": "alice", "refresh_token": raw}
        ).status_code,
        "challenge alone": caller.json(
            "/c/challenge/v1/token-refresh", {"username": "alice", "refresh_token": raw}
        ).status_code,
        "revoke": caller.json("/v1/token-revoke", {"refresh_token": raw}).status_code,
    }


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header: Any, claims: Any, key: Any = None) -> str:
    """What these say, signed by ES256 with our own key, or another."""
    message = f"{encoded(header)}.{encoded(claims)}"
    key = key or keyring.current().private
    return f"{message}.{encoded(ECAlgorithm(ECAlgorithm.SHA256).sign(message.encode(), key))}"


def our_header(**more: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "JWT", "kid": keyring.current().kid, **more}


def test_the_same_claims_under_our_own_key_are_good(caller, tokens, claims):
    """So what is refused below is refused for what was changed."""
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
    """Zeros pass a verifier that does not look at the range (CVE-2022-21449); DER is another encoding than JOSE's."""
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
    """Also the last one, some bits of which mean nothing: a token has one spelling."""
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
    """Decoders that skip what is no base64 would take many spellings for one token."""
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
        header, payload, f"{header}.{payload}", f"{header}..{signature}", f".{payload}.{signature}", "..", ".", "...", "null", "Bearer",
        f"{header}.{signature}.{payload}", f"{header}.{payload}.{signature}.{signature}", f"{header}.{payload}.{signature}.",
        f".{header}.{payload}.{signature}", payload * 20, "a" * 60_000, f"{header}.{payload}.{tokens['bearer'].rpartition('.')[2]}",
        f"{header}.{tokens['bearer'].split('.')[1]}.{signature}", "\xff",
    ):  # fmt: skip
        assert refused(token)


def test_an_expiry_pushed_out_under_the_old_signature(tokens, claims, refused):
    header, _, signature = tokens["access"].split(".")
    assert refused(f"{header}.{encoded({**claims, 'exp': claims['exp'] + 86400})}.{signature}")
    assert refused(
        f"{header}.{encoded({**claims, 'token_type': 'access', 'sub': claims['sub']})}.{signature}"
    )


def test_a_key_that_the_token_brings_along(claims, refused):
    """Nothing is fetched either: the address that the header names hears of no connection."""
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
    "unknown", "", " ", "../../dev/null", "/dev/null", "' OR 1=1", "'; DROP TABLE accounts_signingkey; --", "\0", "a\0b",
    "\ud800", "k" * 10_000, "k" * 2_000, 5, -1, 1e308, True, None, [], {}, ["a"], {"a": 1}, "%s", "{0}", "\r\nX-A: b",
]  # fmt: skip


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
    {"crit": ["x"], "x": 1}, {"crit": ["exp"]}, {"crit": []}, {"crit": "b64"}, {"crit": ["b64"], "b64": False}, {"crit": None},
    {"b64": False}, {"zip": "DEF"}, {"enc": "A256GCM"},
]  # fmt: skip


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
    """Also under our own signature, as a fault of ours could make them."""
    assert refused(signed(raw, claims))
    assert refused(signed(our_header(), raw))


@pytest.mark.parametrize("claim", ["iss", "sub", "jti", "iat", "exp", "token_type"])
def test_claims_that_every_token_has(claims, refused, claim):
    assert refused(
        signed(our_header(), {name: value for name, value in claims.items() if name != claim})
    )
    assert refused(signed(our_header(), {**claims, claim: None}))


@pytest.mark.parametrize("kind", ["bearer", "form", "challenge", "id"])
def test_a_token_of_another_kind_opens_nothing(tokens, refused, kind):
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


OWN_DOORS = {
    "bearer": {"shared bearer", "shared camel", "bearer", "camel"},
    "challenge": {"challenge", "challenge alone"},
    "form": {"form", "shared form"},
}


@pytest.mark.parametrize("kind", OWN_DOORS)
def test_a_refresh_token_is_good_at_its_own_doors_only(caller, tokens, kind):
    answers = refreshed(caller, tokens[kind], tokens["form access"])
    assert {door for door, status in answers.items() if status == 200} == OWN_DOORS[kind] | {
        "revoke"
    }
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
    {"iss": "https://other.example"}, {"iss": "http://testserver/"}, {"iss": ["http://testserver"]}, {"iss": ""}, {"aud": "other"},
    {"aud": ["http://testserver", "other"]},
]  # fmt: skip


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
        f"Token {token}", f"JWT {token}", f"Basic {token}", f"Bearer{token}", f"Bearer:{token}", token, "Bearer", "Bearer ", "", " ",
        f"Bearer {token}, Bearer {token}", f"Bearer {token},Bearer x", f"Bearer {token} {token}", f"Bearer x, Bearer {token}",
        f'Bearer token="{token}"', f"Bearer\t{token}", f"Béarer {token}", f"Digest, Bearer {token}",
    ):  # fmt: skip
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
