"""OAuth 2.0 clients at introspection, with their API key in each of the ways of RFC 6749, 2.3.1."""

import json
from base64 import b64encode
from itertools import cycle
from urllib.parse import quote_plus

import pytest
from authlib.integrations.requests_client import OAuth2Session
from django.utils.timezone import now

from apikeys.models import APIKey
from tests.conftest import PASSWORD
from tests.contracts.clients import ALONE
from tests.verifiers.processes import HERE, Service, node

pytestmark = pytest.mark.django_db
PATH = "/oauth2/introspect"
FORM = "application/x-www-form-urlencoded"
BASIC = 'Basic realm="authsvc", charset="UTF-8"'
NO_KEY = "An API key of scope introspect is required"


@pytest.fixture
def issued(bob):
    return APIKey.objects.issue(bob.pk, scopes=["introspect"], granted_at=now())


@pytest.fixture
def key(issued):
    return issued[1]


@pytest.fixture
def key_id(issued):
    return issued[0].public_id


def basic(name, secret):
    return f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"


def ask(caller, body="token=x", **headers):
    return caller.form(PATH, body, **{name.replace("_", "-"): headers[name] for name in headers})


def refusal(answer):
    body = answer.json()
    assert body.keys() == {"error", "error_description"}
    return answer.status_code, body["error"], answer.headers.get("WWW-Authenticate")


# Ways that are good


def test_the_key_in_each_way(caller, key, key_id):
    for body, headers in (
        ("token=x", {"Authorization": f"Bearer {key}"}),
        ("token=x", {"X_API_Key": key}),
        ("token=x", {"Authorization": f"bearer {key}", "X_API_Key": key}),
        ("token=x", {"Authorization": basic(key_id, key)}),
        ("token=x", {"Authorization": basic("", key)}),
        ("token=x", {"Authorization": basic(key_id.replace("_", "%5F"), key)}),
        ("token=x", {"Authorization": basic(key_id, key.replace("_", "%5F"))}),
        ("token=x", {"Authorization": basic(key_id, key).replace("Basic", "BASIC")}),
        (f"token=x&client_id={key_id}&client_secret={key}", {}),
        (f"token=x&client_secret={key}", {}),
        (f"token=x&client_id={key_id}", {"Authorization": basic(key_id, key)}),
        ("token=x&client_secret=", {"Authorization": basic(key_id, key)}),
    ):
        answer = ask(caller, body, **headers)
        assert (answer.status_code, answer.json()) == (200, {"active": False}), (body, headers)


def test_the_secret_in_a_body_of_json(caller, key):
    answer = caller.json(PATH, {"token": "x", "client_secret": key})
    assert (answer.status_code, answer.json()) == (200, {"active": False})


@pytest.mark.parametrize("client", ALONE, ids=str)
def test_spring_asks(caller, alice, key, key_id, client):
    """The request of SpringOpaqueTokenIntrospector, and what it needs of the answer."""
    access, _ = client.tokens(caller)
    answer = caller.http.post(
        PATH,
        f"token={quote_plus(access)}",
        content_type=f"{FORM};charset=UTF-8",
        headers={
            "Accept": "application/json",
            "Authorization": basic(quote_plus(key_id), quote_plus(key)),
        },
    )
    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert (body["active"], body["sub"], body["iss"]) == (
        True,
        str(alice.uuid),
        "http://testserver",
    )
    assert (type(body["exp"]), type(body["iat"])) == (int, int)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_asks(live_server, settings, caller, alice, key, key_id, method):
    """It reads from the metadata where to ask, and in which ways."""
    settings.PUBLIC_URL = live_server.url
    with OAuth2Session(key_id, key, token_endpoint_auth_method=method) as session:
        named = session.get(
            f"{live_server.url}/.well-known/oauth-authorization-server", withhold_token=True
        ).json()
        assert method in named["introspection_endpoint_auth_methods_supported"]
        for client in ALONE:
            access, refresh = client.tokens(caller)
            for token, hint in ((access, None), (access, "access_token")):
                asked = session.introspect_token(named["introspection_endpoint"], token, hint)
                assert (asked.json()["active"], asked.json()["contract"]) == (True, client.name)
            if refresh:
                asked = session.introspect_token(
                    named["introspection_endpoint"], refresh, "refresh_token"
                )
                assert asked.json()["active"] is True


@pytest.mark.django_db(transaction=True)
def test_oauth4webapi_asks_and_revokes(live_server, settings, caller, alice, bob):
    """It finds the addresses by the issuer, and encodes every sign of id and secret in Basic."""
    settings.PUBLIC_URL = live_server.url
    both = {"granted_at": now(), "revoke_granted_at": now()}
    key, secret = APIKey.objects.issue(bob.pk, scopes=["introspect", "revoke"], **both)
    arguments = live_server.url, key.public_id, secret
    program = HERE / "ask_with_oauth4webapi.mjs"
    with Service(node("oauth4webapi"), program, *arguments) as service:
        for client, way in zip(ALONE, cycle(["client_secret_basic", "client_secret_post"])):
            access, _ = client.tokens(caller)
            asked = json.loads(service.says(f"introspect {way} {access}"))
            assert (asked["active"], asked["contract"]) == (True, client.name)
            assert service.says(f"revoke {way} {access}") == '"revoked"'
            assert json.loads(service.says(f"introspect {way} {access}")) == {"active": False}
        APIKey.objects.filter(pk=key.pk).end("deleted")
        assert service.says("revoke client_secret_basic x") == '"OAUTH_WWW_AUTHENTICATE_CHALLENGE"'


# Ways that are not


def test_without_credentials_both_schemes_are_offered(caller, key_id):
    for body in ("token=x", f"token=x&client_id={key_id}", "token=x&client_secret="):
        assert refusal(ask(caller, body)) == (401, "invalid_client", f"Bearer, {BASIC}")


def test_a_client_is_challenged_by_its_own_scheme(caller, key, key_id):
    wrong = f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"
    for headers, scheme in (
        ({"Authorization": basic(key_id, wrong)}, BASIC),
        ({"Authorization": basic(key, "")}, BASIC),
        ({"Authorization": basic(key_id, key).replace(" ", " !")}, BASIC),
        ({"Authorization": basic("key_00000000", key)}, BASIC),
        ({"Authorization": f"Bearer {wrong}"}, "Bearer"),
        ({"Authorization": f"Negotiate {key}"}, "Bearer"),
    ):
        assert refusal(ask(caller, **headers)) == (401, "invalid_client", scheme)


@pytest.mark.parametrize(
    "value",
    [
        "Basic",
        "Basic ",
        "Basic ::::",
        "Basic YQ==",
        "Basic YTp",
        "Basic /zo=",
        f"Basic {'A' * 50_000}",
        "Basic ä",
        "Basic OiA6IA== extra",
        basic("ключ", "секрет"),
        basic("%ff%fe", "%00"),
        basic("", ""),
        basic("key_00000000", "sk_live_"),
    ],
)
def test_malformed_basic(caller, value):
    assert refusal(ask(caller, Authorization=value)) == (401, "invalid_client", BASIC)


def test_two_ways_at_once(caller, key, key_id, bob):
    in_basic, secret = basic(key_id, key), f"token=x&client_id={key_id}&client_secret={key}"
    other = APIKey.objects.issue(bob.pk)[1]
    for body, headers in (
        (secret, {"Authorization": in_basic}),
        (secret, {"Authorization": f"Bearer {key}"}),
        (secret, {"X_API_Key": key}),
        (secret, {"Authorization": "Bearer a.session.token"}),
        (secret, {"Authorization": "Basic ::::"}),
        ("token=x", {"Authorization": in_basic, "X_API_Key": key}),
        ("token=x", {"Authorization": f"Bearer {key}", "X_API_Key": other}),
    ):
        assert refusal(ask(caller, body, **headers)) == (400, "invalid_request", None)


@pytest.mark.parametrize(
    "body",
    [
        "token=x&token=x",
        "token=x&token=y",
        "token=x&client_secret={key}&client_secret={key}",
        "token=x&token_type_hint=a&token_type_hint=b",
        "",
        "token=",
        "token=%20",
        "tokens=x",
        '{{"token": 5, "client_secret": "{key}"}}',
        '{{"token": ["x"]}}',
        '["token"]',
        "token=%ff",
        "token=%00",
        "token=жетон",
        "\x00",
    ],
)
def test_malformed_requests(caller, key, body):
    headers = {} if "client_secret" in body else {"Authorization": f"Bearer {key}"}
    assert refusal(ask(caller, body.format(key=key), **headers)) == (400, "invalid_request", None)


def test_secrets_that_are_no_text(caller):
    for wrong in (5, True, ["sk_live_"], {"a": 1}):
        answer = caller.json(PATH, {"token": "x", "client_secret": wrong})
        assert refusal(answer) == (401, "invalid_client", f"Bearer, {BASIC}")


def test_bodies_that_are_too_large_or_of_another_type(caller, key):
    large = ask(caller, f"token={'x' * 2**20}", Authorization=f"Bearer {key}")
    assert refusal(large) == (413, "invalid_request", None)
    text = caller.http.post(
        PATH, "token=x", content_type="text/plain", headers={"Authorization": f"Bearer {key}"}
    )
    assert refusal(text) == (415, "invalid_request", None)


def test_keys_that_may_not(caller, bob, key):
    profile = APIKey.objects.issue(bob.pk)[1]
    answer = ask(caller, Authorization=f"Bearer {profile}")
    assert (answer.status_code, answer.json()) == (
        403,
        {
            "error": "insufficient_scope",
            "error_description": "The API key has no scope introspect",
        },
    )
    APIKey.objects.filter(owner=bob).end("deleted")
    assert refusal(ask(caller, Authorization=f"Bearer {key}"))[:2] == (401, "invalid_client")


def test_a_sessions_token_is_no_client(caller, olga):
    body = {"username": "olga", "password": PASSWORD}
    token = caller.json("/api/auth/login", body).json()["token"]
    for given, headers in (
        ("token=x", {"Authorization": f"Bearer {token}"}),
        (f"token=x&client_secret={token}", {}),
        ("token=x", {"Authorization": basic("olga", token)}),
    ):
        answer = ask(caller, given, **headers)
        assert refusal(answer)[:2] == (401, "invalid_client")
        assert answer.json()["error_description"] == NO_KEY


def test_credentials_in_a_query_are_none(caller, key):
    answer = caller.form(f"{PATH}?client_secret={key}&token=x", "token=x")
    assert refusal(answer)[:2] == (401, "invalid_client")


@pytest.mark.parametrize("path", [PATH, "/introspect", f"{PATH}/"])
def test_other_methods(caller, path):
    for method in ("get", "put", "delete", "patch", "head"):
        answer = getattr(caller.http, method)(path)
        assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("path", ["/oauth2/", "/oauth2", "/oauth2/token", "/oauth2/introspect/x"])
def test_other_paths(caller, path):
    answer = caller.form(path, "token=x")
    assert answer.status_code == 404
    assert "json" in answer["Content-Type"]


def test_no_secret_is_logged(caller, key, key_id, caplog):
    ask(caller, f"token=x&client_id=key_00000000&client_secret={key}")
    ask(caller, Authorization=basic("key_00000000", key))
    ask(caller, f"token=x&client_secret={key}", Authorization=basic(key_id, key))
    assert key not in caplog.text
