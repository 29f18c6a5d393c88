"""Bad JSON to every endpoint: an error response of its contract."""

import codecs

import pytest

from tests.contracts.bad_input.bodies import (
    MULTIPART,
    URLENCODED,
    WRONG_TYPES,
    bad_json,
    raw,
)
from tests.contracts.clients import BY_NAME
from tests.contracts.endpoints import READING, each, errors_of, problem

pytestmark = pytest.mark.django_db


TAKING_JSON = [endpoint for endpoint in READING if endpoint.json]


@each(READING)
@pytest.mark.parametrize("content_type", ["application/json", URLENCODED])
def test_bad_json(send, endpoint, content_type):
    answers = {
        name: problem(send(endpoint, body, content_type), endpoint.is_error)
        for name, body in bad_json(endpoint.good).items()
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each(READING)
@pytest.mark.parametrize("content_type", ["application/json", URLENCODED])
def test_a_byte_order_mark_is_ignored(send, endpoint, content_type):
    """PowerShell and .NET write one before their JSON.

    A reader may ignore it (RFC 8259, 8.1).
    """
    known = send(endpoint, raw(endpoint.good), content_type)
    marked = send(endpoint, codecs.BOM_UTF8 + raw(endpoint.good), content_type)
    assert (marked.status_code, marked.json().keys()) == (known.status_code, known.json().keys())


@each(READING)
@pytest.mark.parametrize("content_type", ["application/json", URLENCODED])
def test_fields_of_wrong_types(send, endpoint, content_type):
    answers = {
        f"{field}={value!r:.30}": problem(
            send(endpoint, raw(endpoint.good | {field: value}), content_type),
            endpoint.is_error,
        )
        for field in endpoint.good
        for value in WRONG_TYPES
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each(READING)
def test_missing_fields(send, endpoint):
    """Fields are missing in JSON, in forms, in JSON labelled as a form, and beside other fields."""
    bodies = [
        raw({name: value for name, value in endpoint.good.items() if name != field})
        for field in endpoint.good
    ]
    answers = [
        problem(send(endpoint, body, kind), endpoint.is_error)
        for body in [*bodies, b"{}", b'{"a": 1}', b"a=1", b""]
        for kind in ("application/json", URLENCODED, MULTIPART)
    ]
    assert [wrong for wrong in answers if wrong] == []


@each(TAKING_JSON)
def test_a_token_with_a_genuine_beginning_and_surrogates_behind_it(send, token, endpoint):
    """A header of ours leads to the signature check.

    The rest may be anything that JSON can say.
    """
    header, payload, signature = token.split(".")
    tails = [
        "",
        ".",
        "..",
        ".\ud800.",
        f".{payload}.\ud800",
        f".{payload}.{signature}\udfff",
        f".é.{signature}",
        ".\U0001f600.a",
        f".{payload}",
        f".{payload}.{signature}.x",
    ]
    bodies = [
        raw(
            {
                **dict.fromkeys(endpoint.good, header + tail),
                **({"username": "alice"} if "username" in endpoint.good else {}),
            }
        )
        for tail in tails
    ]
    assert [
        wrong for body in bodies if (wrong := problem(send(endpoint, body), endpoint.is_error))
    ] == []


def test_two_equal_deep_values_in_the_keys_that_name_a_contract(send):
    """They are compared, which goes as deep as they do."""
    refresh = next(each for each in READING if each.path == "/api/v1/auth/refresh")
    for depth in range(0, 1200, 60):
        deep = "[" * depth + "]" * depth or "0"
        body = f'{{"token": {deep}, "refresh_token": {deep}}}'.encode()
        assert not problem(send(refresh, body), errors_of(BY_NAME["bearer"]))
