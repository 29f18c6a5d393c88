"""Refusals that a document promises of every operation, and that any client can provoke."""

import json

import pytest
from django.db import OperationalError, connection
from django.urls import include
from django.urls import path as route

from authsvc.contracts import registry, urls
from tests.contracts.clients import ALONE
from tests.openapi.described import document
from tests.openapi.documented import check

pytestmark = pytest.mark.django_db

NAMES = [each.contract.name for each in registry.registered()]
METHODS = {"get", "post", "put", "patch", "delete", "trace"}
JSON = "application/json"
BODY = json.dumps(dict.fromkeys(("username", "password", "refresh_token", "email"), "a@b.example"))


def operations(name):
    """Return the operations of a document: path, method, and its object."""
    return [
        (path.replace("{", "").replace("}", ""), method, operation)
        for path, operations in document(name).paths.items()
        for method, operation in operations.items()
    ]


@pytest.fixture
def answers(caller):
    """Return the statuses of an operation's answers, each compared with the document."""

    def ask(path, method, body=b"", kind=JSON, **headers):
        return caller.http.generic(method, path, body, kind, headers=headers).status_code

    return ask


each_document = pytest.mark.parametrize("name", ["", *NAMES])


@each_document
def test_other_methods(answers, name):
    allowed: dict[str, set[str]] = {}
    for path, method, _ in operations(name):
        allowed.setdefault(path, set()).add(method)
    assert {
        (path, method): status
        for path, methods in allowed.items()
        for method in METHODS - methods
        if (status := answers(path, method)) != 405
    } == {}


@each_document
def test_bodies_that_nobody_reads(answers, name):
    """A request without a credential is refused before its body is read."""
    bodies = {
        "not JSON": (b'{"', JSON, {400, 422}),
        "no object": (b"[]", JSON, {400, 422}),
        "another type": (b"<a/>", "text/xml", {415}),
        "too large": (b" " * 2_000_000, JSON, {413}),
        "wrongly encoded": (b"\xff", f"{JSON}; charset=utf-8", {400, 422}),
    }
    assert {
        (path, kind): status
        for path, method, operation in operations(name)
        if "requestBody" in operation
        for kind, (body, media_type, expected) in bodies.items()
        if (status := answers(path, method, body, media_type)) not in {*expected, 401, 415}
    } == {}


@each_document
def test_tokens_and_keys_that_are_none(answers, name):
    credentials = [
        *({"Authorization": f"Bearer {token}"} for token in ("", "x.y.z", "sk_live_1_2")),
        *({"Authorization": value} for value in ("Basic a2V5OmE=", "Basic \u00e9", "Bearer a b")),
        {"X-API-Key": "sk_live_abcdefgh_1234"},
    ]
    secured = [
        (path, method)
        for path, method, operation in operations(name)
        if operation.get("security") and {} not in operation["security"]
    ]
    assert {
        (path, method): status
        for path, method in secured
        for headers in ({}, *credentials)
        if (status := answers(path, method, b"{}", **headers)) not in {400, 401}
    } == {}


@each_document
def test_lengths_that_are_none_and_bodies_that_are_too_large(caller, answers, name):
    def length(path, method):
        return caller.http.generic(method, path, b"", JSON, CONTENT_LENGTH="-1").status_code

    large = b" " * 2_000_000
    found = {
        (path, method): (length(path, method), answers(path, method, large))
        for path, method, _ in operations(name)
    }
    assert {
        operation: statuses
        for operation, statuses in found.items()
        if statuses[0] not in {400, 401, 415, 422} or statuses[1] not in {413, 401, 415}
    } == {}


@pytest.mark.parametrize("client", ALONE, ids=str)
def test_a_contract_that_is_switched_off(caller, settings, client):
    """The client of the tests does not look at routes of a test's own."""
    routes = [*urls.urls(frozenset()), route("", include("accounts.pages.urls"))]
    settings.ROOT_URLCONF = type("Routes", (), {"urlpatterns": routes})
    for where, method, _ in operations(client.name):
        answer = caller.http.generic(method, where)
        assert answer.status_code == 404
        check(answer)


@each_document
@pytest.mark.parametrize(("error", "status"), [(OperationalError, 503), (RuntimeError, 500)])
def test_a_database_that_is_away_and_a_bug(caller, alice, answers, name, error, status):
    """An operation that finds fault with the request before it asks the database, says that."""

    def fail(*arguments):
        raise error("of this test")

    token = ALONE[0].tokens(caller)[0]
    with connection.execute_wrapper(fail):
        found = [
            answers(where, method, BODY, Authorization=f"Bearer {token}")
            for where, method, _ in operations(name)
        ]
    assert status in found
    assert {*found} <= {status, 200, 400, 401, 404, 415, 422}
