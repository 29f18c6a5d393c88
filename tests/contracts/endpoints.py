"""Endpoints of every contract, on their own paths and below their prefix, with a good request."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.conftest import Caller
from tests.contracts.answers import is_sentence
from tests.contracts.client import SHARED_ENDS, ContractClient, ErrorCheck, Operation
from tests.contracts.clients import CLIENTS


class Endpoint(NamedTuple):
    path: str
    client: ContractClient  # of a path that is shared, the first of those that share it
    good: dict[str, str]  # the fields of a request that is well-formed
    form: bool  # whether forms are taken
    json: bool  # whether JSON is taken
    is_error: ErrorCheck
    open: bool = False  # whether a logout is for those without a token, too
    method: str = "POST"


def endpoints(kind: str) -> list[Endpoint]:
    """Return the endpoints of one kind of operation; one that contracts share is there once."""
    found: dict[tuple[str, ...], Endpoint] = {}
    for each in (endpoint for client in CLIENTS for endpoint in _of(client, getattr(client, kind))):
        key = (each.method, each.path, *each.good)
        before = found.get(key, each)
        found[key] = before._replace(form=before.form or each.form, json=before.json or each.json)
    return list(found.values())


def _of(client: ContractClient, operations: Iterable[Operation]) -> Iterator[Endpoint]:
    for end, good, form, as_json, is_error, is_open, method in operations:
        check = is_error or errors_of(client, end)
        yield Endpoint(client.path(end), client, good, form, as_json, check, is_open, method)


def errors_of(client: ContractClient, end: str = SHARED_ENDS[0]) -> ErrorCheck:
    """Return a check that a body is an error of the client's contract, with any sentence."""
    make = client.refusal if end in SHARED_ENDS else client.error

    def check(body: dict[str, Any], status: int) -> bool:
        return any(body == make(status, text) for text in texts_in(body) if is_sentence(text))

    return check


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts of a JSON value at any depth."""
    if isinstance(value, str):
        yield value
    for inner in _members(value):
        yield from texts_in(inner)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


LOGINS = endpoints("logins")
REFRESHES = endpoints("refreshes")
READING = [*LOGINS, *REFRESHES]  # those that read a body
LOGOUTS = endpoints("logouts")
GETS = [endpoint._replace(method="GET") for endpoint in endpoints("gets")]
PROTECTED = [endpoint.path for endpoint in GETS]
MOUNTS = {client.path("").rstrip("/"): errors_of(client) for client in CLIENTS}


def each(endpoints: list[Endpoint]) -> Any:
    return pytest.mark.parametrize(
        "endpoint", endpoints, ids=lambda endpoint: "-".join([endpoint.path, *endpoint.good])
    )


def statuses(caller: Caller, token: str) -> set[int]:
    """Return the statuses of every endpoint that describes the user of a token."""
    return {caller.get(path, token).status_code for path in PROTECTED}


def problem(answer: Any, is_error: ErrorCheck) -> str:
    """Return what is wrong with a refusal; empty for a 4xx in its contract's error body."""
    if not 400 <= answer.status_code < 500:
        return f"status {answer.status_code}: {answer.content[:80]!r}"
    return misshapen(answer, is_error)


def misshapen(answer: Any, is_error: ErrorCheck) -> str:
    """Return what is wrong with an error response of any status."""
    if answer.headers.get("Content-Type") != "application/json" or "Location" in answer.headers:
        return f"{answer.status_code} with headers {answer.headers}"
    if answer.status_code == 401 and answer.headers.get("WWW-Authenticate") != "Bearer":
        return "401 without WWW-Authenticate"
    body = json.loads(answer.content)
    return (
        ""
        if isinstance(body, dict) and is_error(body, answer.status_code)
        else f"{answer.status_code} in another body: {body!r:.200}"
    )
