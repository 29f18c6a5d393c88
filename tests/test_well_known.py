"""Documents below /.well-known/, as programs, password managers and finders of holes read them."""

from datetime import UTC, datetime

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from authsvc import well_known
from authsvc.security_txt import SecurityTxt
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"
SECURITY = "/.well-known/security.txt"
TEXT = SecurityTxt("Contact: mailto:holes@example.com\n", datetime(2099, 1, 1, tzinfo=UTC))
ADDRESSES = ("_uri", "_endpoint", "_documentation")
DOCUMENTS = [METADATA, JWKS, SECURITY]


@pytest.fixture(autouse=True)
def with_a_contact(settings):
    settings.SECURITY_TXT = TEXT


def metadata(caller):
    return caller.get(METADATA).json()


def test_the_metadata_name_the_endpoints_that_exist(caller):
    answer = caller.get(METADATA)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == {
        "issuer": "http://testserver",
        "jwks_uri": "http://testserver/.well-known/jwks.json",
        "token_endpoint": "http://testserver/api/v1/auth/token",
        "token_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": ["password"],
        "response_types_supported": [],
        "introspection_endpoint": "http://testserver/oauth2/introspect",
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "Bearer",
        ],
        "revocation_endpoint": "http://testserver/oauth2/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "service_documentation": "http://testserver/docs",
    }


def test_the_issuer_is_that_of_tokens_from_the_token_endpoint(caller, alice):
    named = metadata(caller)
    token = caller.form(named["token_endpoint"], f"username=alice&password={PASSWORD}").json()
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert claims["iss"] == named["issuer"]


def test_every_address_that_they_name_is_answered(caller):
    named = metadata(caller)
    addresses = {name: at for name, at in named.items() if name.endswith(ADDRESSES)}
    assert {caller.get(at).status_code for at in addresses.values()} == {200, 405}


def test_without_form_there_is_no_grant(caller, settings):
    settings.CONTRACTS = ["bearer"]
    named = metadata(caller)
    assert not {"token_endpoint", "token_endpoint_auth_methods_supported"} & named.keys()
    assert named["grant_types_supported"] == []


def test_an_issuer_with_a_path_has_its_metadata_behind_their_name(settings):
    """RFC 8414, 3.1: a client of https://example.com/auth asks there, beside all others."""
    settings.PUBLIC_URL = "https://example.com/auth"
    routes = [str(route.pattern) for route in well_known.urls()]
    assert [route for route in routes if "oauth" in route] == [
        "oauth-authorization-server",
        "oauth-authorization-server/auth",
    ]


def test_authlib_finds_the_metadata_valid(caller, settings):
    """All but the response types: Authlib knows no server without an authorization endpoint."""
    settings.PUBLIC_URL = "https://auth.example.com"
    read = AuthorizationServerMetadata(metadata(caller))
    for name in read.keys() - {"response_types_supported"}:
        getattr(read, f"validate_{name}")()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_client_that_has_the_document_already_gets_304(caller, document):
    whole = caller.get(document)
    assert whole["Cache-Control"] == "public, max-age=300"
    for known in (whole["ETag"], f'"other", W/{whole["ETag"]}', "*"):
        again = caller.get(document, **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert not {"Content-Length", "Content-Type"} & again.headers.keys()
        for header in ("ETag", "Cache-Control", "Access-Control-Allow-Origin"):
            assert again.get(header) == whole.get(header)
    for other in ('"other"', "nonsense", whole["ETag"].strip('"'), "ä"):
        assert caller.get(document, **{"If-None-Match": other}).status_code == 200


def test_the_key_set_is_of_its_own_type(caller):
    """RFC 7517, 8.5.2."""
    assert caller.get(JWKS)["Content-Type"] == "application/jwk-set+json"


@pytest.mark.parametrize("document", [METADATA, JWKS])
def test_scripts_of_any_origin_read_it_without_credentials(caller, document):
    answer = caller.get(document, Origin="https://evil.example")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("document", [*DOCUMENTS, "/.well-known/change-password"])
def test_documents_are_only_read(caller, document):
    refused = caller.json(document)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
    head = caller.http.head(document)
    assert (head.status_code, head.content) == (caller.get(document).status_code, b"")


def test_a_password_manager_is_led_to_the_page(caller):
    answer = caller.get("/.well-known/change-password")
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/change-password")
    assert caller.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "resource-that-should-not-exist-whose-status-code-should-not-be-200",
        "openid-configuration",
        "oauth-authorization-server/elsewhere",
        "",
        "%00",
        "jwks.json/../..",
    ],
)
def test_there_is_no_other_document(caller, path):
    answer = caller.get(f"/.well-known/{path}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})


def test_security_txt_is_plain_text(caller):
    answer = caller.get(SECURITY)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.content.decode() == TEXT.text


def test_without_a_contact_there_is_no_security_txt(caller, settings):
    settings.SECURITY_TXT = None
    assert caller.get(SECURITY).status_code == 404
