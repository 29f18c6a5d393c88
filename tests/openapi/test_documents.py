"""OpenAPI documents: valid, without warnings, true to the contracts, and kept as they are made."""

import json
from pathlib import Path

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from openapi_spec_validator import OpenAPIV31SpecValidator

from apikeys.scopes import Scope
from authsvc.contracts import BUILT_IN, registry
from authsvc.contracts import urls as contract_urls
from authsvc.openapi import security
from authsvc.openapi.documents import DocumentGenerator

KEPT = Path(__file__).parents[2] / "docs" / "openapi"
REGISTERED = [each.contract.name for each in registry.registered()]
SHARED = "shared-paths"


@pytest.fixture(scope="module")
def documents():
    """All documents by name: of each contract, of all paths, and of the paths of our contracts."""
    made = {name: DocumentGenerator(api_version=name).get_schema() for name in REGISTERED}
    made["everything"] = DocumentGenerator().get_schema()
    made[SHARED] = DocumentGenerator(only=frozenset(BUILT_IN)).get_schema()
    return made


@pytest.mark.parametrize("name", [*REGISTERED, "everything"])
def test_a_document_is_valid_openapi_and_has_no_warnings(documents, name):
    GENERATOR_STATS.reset()
    document = DocumentGenerator(api_version=None if name == "everything" else name).get_schema()
    assert not GENERATOR_STATS
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    assert json.loads(json.dumps(document)) == documents[name]


@pytest.mark.parametrize("name", [*BUILT_IN, SHARED])
def test_the_kept_documents_are_those_of_the_code(documents, name):
    """``make openapi`` writes them after a change."""
    assert json.loads((KEPT / f"{name}.json").read_text()) == documents[name]


def operations(document):
    return {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }


def test_operations_have_names_for_generated_clients(documents):
    assert list(operations(documents["camel"])) == [
        "login",
        "refresh",
        "logout",
        "create_key",
        "list_keys",
        "revoke_leaked_key",
        "delete_key",
        "rotate_key",
    ]
    assert list(operations(documents["legacy"])) == ["log_in", "refresh", "log_out", "who_am_i"]


def test_paths_are_those_of_the_contracts_document(documents):
    assert documents["challenge"]["servers"] == [{"url": "/c/challenge"}]
    assert list(documents["challenge"]["paths"]) == [
        "/v1/login",
        "/v1/token-refresh",
        "/v1/token-revoke",
        "/v1/forgot-password",
        "/v1/forgot-password-confirm",
        "/v1/change-password",
        "/v1/new-password-required",
    ]


def test_a_request_says_what_is_required_and_what_may_be_empty(documents):
    schemas = documents["camel"]["components"]["schemas"]
    assert schemas["LoginRequest"] == {
        "type": "object",
        "properties": {
            "username": {"type": "string", "minLength": 1, "maxLength": 1024},
            "password": {"type": "string", "minLength": 1, "maxLength": 1024},
        },
        "required": ["password", "username"],
    }
    assert schemas["KeyRequest"] == {
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"], "maxLength": 100, "default": "API key"},
            "expiresAt": {"type": ["string", "null"], "format": "date-time"},
            "scopes": {
                "type": ["array", "null"],
                "items": {"enum": Scope.values, "type": "string"},
                "default": ["profile"],
            },
        },
    }


def test_a_response_has_constants_formats_and_what_may_be_null(documents):
    schemas = documents["camel"]["components"]["schemas"]
    assert schemas["LogoutResponse"]["properties"] == {
        "message": {"type": "string", "const": "Successfully logged out"}
    }
    assert schemas["KeyResponse"] == {
        "type": "object",
        "properties": {
            "keyId": {"type": "string"},
            "name": {"type": "string"},
            "createdAt": {"type": "string", "format": "date-time"},
            "lastUsed": {"type": ["string", "null"], "format": "date-time"},
        },
        "required": ["keyId", "name", "createdAt", "lastUsed"],
    }


def resolved(document, response):
    """Return a response, which may stand among the components."""
    if "$ref" in response:
        return document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def test_a_refusal_has_the_contracts_status_words_and_body(documents):
    document = documents["challenge"]
    login = operations(document)["login"]
    assert sorted(login["responses"]) == [
        *("200", "400", "401", "404", "405", "413", "415", "422", "429", "500", "503")
    ]
    refused = resolved(document, login["responses"]["401"])
    assert refused["description"] == "Incorrect username or password."
    assert refused["content"]["application/json"] == {
        "schema": {"$ref": "#/components/schemas/ErrorBody"},
        "examples": {
            "InvalidCredentials": {
                "value": {"message": "Incorrect username or password.", "status": 401}
            }
        },
    }
    assert document["components"]["schemas"]["ErrorBody"] == {
        "type": "object",
        "properties": {"message": {"type": "string"}, "status": {"type": "integer"}},
        "required": ["message", "status"],
    }
    assert set(refused["headers"]) == {"X-Request-ID", "Cache-Control", "WWW-Authenticate"}
    later = resolved(document, login["responses"]["429"])
    assert later["headers"]["Retry-After"] == {"$ref": "#/components/headers/Retry-After"}


def test_a_login_that_may_be_a_challenge_says_so(documents):
    login = operations(documents["challenge"])["login"]
    assert login["responses"]["200"]["content"]["application/json"]["schema"] == {
        "anyOf": [
            {"$ref": "#/components/schemas/ChallengeResponse"},
            {"$ref": "#/components/schemas/LoginResponse"},
        ]
    }
    assert "403" not in login["responses"]
    assert "403" in operations(documents["bearer"])["login"]["responses"]


def test_a_path_of_several_contracts_asks_for_a_token_where_one_of_them_does(documents):
    found = documents[SHARED]["paths"]
    assert found["/api/v1/auth/refresh"]["post"]["security"] == [
        *({"Login": []}, {"BearerToken": []}, {})
    ]
    assert {} not in found["/api/v1/auth/logout"]["post"]["security"]
    assert "security" not in found["/api/v1/auth/login"]["post"]


def test_an_error_body_of_one_path_has_a_schema_of_its_own(documents):
    schemas = documents["bearer"]["components"]["schemas"]
    assert schemas["ValidateResetTokenErrorBody"]["properties"] == {
        "valid": {"type": "boolean", "not": {"const": True}},
        "detail": {"type": "string"},
    }
    assert documents["form"]["components"]["schemas"]["TokenErrorBody"]["required"] == [
        "error",
        "error_description",
    ]


def test_tokens_keys_and_the_way_to_log_in_are_security_schemes(documents):
    schemes = documents["form"]["components"]["securitySchemes"]
    assert list(schemes) == ["Login", "BearerToken", "APIKey"]
    assert schemes["Login"]["flows"]["password"]["tokenUrl"] == "/c/form/api/v1/auth/token"
    found = operations(documents["form"])
    assert found["me"]["security"] == [{"Login": []}, {"BearerToken": []}, {"APIKey": []}]
    assert "security" not in found["login"]
    logout = operations(documents["envelope"])["logout"]
    assert logout["security"] == [{"Login": []}, {"BearerToken": []}, {}]


def test_the_examples_are_those_of_the_contracts_document(documents):
    login = operations(documents["bearer"])["login"]
    shown = login["requestBody"]["content"]["application/json"]["examples"]["document"]
    assert shown["value"] == {"username": "admin", "password": "secure-password"}


def test_a_path_of_several_contracts_is_their_union(documents):
    document = documents[SHARED]
    login = document["paths"]["/api/v1/auth/login"]["post"]
    assert login["x-contracts"] == ["bearer", "camel", "form"]
    assert {kind: each["schema"] for kind, each in login["requestBody"]["content"].items()} == {
        "application/json": {"$ref": "#/components/schemas/BearerLoginRequest"},
        "application/x-www-form-urlencoded": {"$ref": "#/components/schemas/FormLoginRequest"},
        "multipart/form-data": {"$ref": "#/components/schemas/FormLoginRequest"},
    }
    answered = login["responses"]["200"]["content"]["application/json"]["schema"]
    assert answered == {
        "anyOf": [
            {"$ref": "#/components/schemas/SharedLoginResponse"},
            {"$ref": "#/components/schemas/FormTokenPairResponse"},
        ]
    }
    refused = resolved(document, login["responses"]["401"])["content"]["application/json"]
    assert {"detail": "Invalid credentials", "error": "Invalid credentials"} in [
        example["value"] for example in refused["examples"].values()
    ]


def test_an_operation_says_which_contract_it_belongs_to(documents):
    found = {name: each["x-contracts"] for name, each in operations(documents[SHARED]).items()}
    assert found["form_me"] == ["form"]
    assert found["envelope_login"] == ["envelope"]
    assert found["refresh"] == ["bearer", "camel", "form"]
    assert found["introspect"] == []
    assert "legacy_log_in" not in found
    assert operations(documents["everything"])["legacy_log_in"]["x-contracts"] == ["legacy"]


def test_only_contracts_that_are_served_are_on_the_shared_paths():
    served = frozenset({"camel"})
    document = DocumentGenerator(patterns=contract_urls.urls(served)).get_schema()
    assert {tag["name"] for tag in document["tags"]} == {"shared", "camel"}
    login = document["paths"]["/api/v1/auth/login"]["post"]
    assert login["x-contracts"] == ["camel"]
    assert list(login["requestBody"]["content"]) == ["application/json"]
    assert login["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/CamelLoginResponse"
    }


def test_without_a_password_grant_there_is_no_way_to_log_in_by_the_button(settings):
    assert security.token_url() == "/c/form/api/v1/auth/token"
    settings.CONTRACTS = ["camel"]
    assert security.token_url() == ""
