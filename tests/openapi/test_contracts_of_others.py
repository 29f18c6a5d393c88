"""Documents of contracts of other packages, with error bodies and refusals unlike ours."""

from dataclasses import replace

import pytest
from rest_framework.exceptions import ValidationError

from accounts import errors
from accounts.api.contract import ErrorResponse
from accounts.api.operations import described, uses
from authsvc.openapi import refusals
from authsvc.openapi.documents import DocumentGenerator
from tests.contracts.somewhere import legacy

CODES = {400: "bad", 401: "who", 403: "no", 404: "where", 405: "how", 413: "large", 415: "what"}
CODES |= {429: "wait", 500: "bug", 503: "later"}


class TooSimple(errors.WeakPassword):
    pass


def schema(error_body, status=401):
    contract = replace(legacy.contract, error_body=error_body)
    return refusals.body_schema(contract, ErrorResponse(status, "Wrong user name or password"))


@pytest.mark.parametrize(
    ("error_body", "properties"),
    [
        (
            lambda error: {"ok": False, "code": CODES[error.status]},
            {"ok": {"type": "boolean", "not": {"const": True}}, "code": {"type": "string"}},
        ),
        (
            lambda error: {"errors": [{"text": error.text}], "data": None},
            {
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"text": {"type": "string"}},
                        "required": ["text"],
                    },
                },
                "data": {"type": "null", "const": None},
            },
        ),
        (
            lambda error: {"status": error.status if error.status < 500 else "broken"},
            {"status": {"type": ["integer", "string"]}},
        ),
    ],
)
def test_any_error_body_has_a_schema(error_body, properties):
    assert schema(error_body) == {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def test_bodies_with_other_keys_have_a_schema_of_their_own():
    def error_body(error):
        return {"text": error.text} | ({"where": "login"} if error.status == 401 else {})

    assert schema(error_body)["required"] == ["text", "where"]
    assert schema(error_body, 403)["required"] == ["text"]


def test_a_refusal_that_extends_one_with_its_own_words_has_words():
    found = refusals.by_status(
        legacy.contract, [TooSimple, ValidationError], {ValidationError: "a: missing"}
    )
    assert [each.response.text for each in found[400]] == [
        "This password is too short. It must contain at least 8 characters.",
        "a: missing",
    ]


def test_examples_are_in_a_file_beside_the_module_if_there_is_one():
    paths = DocumentGenerator(api_version="legacy").get_schema()["paths"]
    log_in, who_am_i = paths["/auth/v2/log_in"]["post"], paths["/auth/v2/who_am_i"]["get"]
    for media in log_in["requestBody"]["content"].values():
        assert media["examples"]["document"]["value"]["user_name"] == "john"
    assert "examples" not in who_am_i["responses"]["200"]["content"]["application/json"]


def test_an_override_without_a_mark_is_described_as_what_it_overrides():
    class Refresh(legacy.Refresh):
        def refresh(self, request):
            return super().refresh(request)

    assert described(Refresh, "refresh") == described(legacy.Refresh, "refresh")


def test_a_mark_has_what_the_called_methods_add():
    class Login(legacy.Login):
        @uses("logged_in", status=201, summary="Hello", login_request={"identifier"})
        def login(self, request): ...

        @uses(headers={"X-Welcome": "A greeting"}, login_response=None)
        def logged_in(self, issued): ...

    mark = described(Login, "login")
    assert (mark.status, mark.summary, [*mark.headers]) == (201, "Hello", ["X-Welcome"])
    assert [*mark.serializers] == ["login_request", "login_response"]
