"""Refusals in a document: the responses other than success, each with its bodies and headers.

Statuses, sentences and bodies are the contract's own: nothing here words a refusal.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions

from accounts.api.contract import Contract, ErrorResponse
from accounts.api.operations import Refusals
from accounts.errors import HashingOverloaded, TooManyAttempts, WeakPassword

# Any request can end in these: Http404 while its contract is switched off, MethodNotAllowed with
# another method, SuspiciousOperation by malformed chunks, Exception by a bug.
OF_ANY_REQUEST: Refusals = (
    SuspiciousOperation,
    Http404,
    exceptions.MethodNotAllowed,
    RequestDataTooBig,
    Exception,
    OperationalError,
)
OF_A_BODY: Refusals = (
    exceptions.ValidationError,
    exceptions.ParseError,
    exceptions.UnsupportedMediaType,
)
SAMPLE_TEXTS: dict[type[Exception], str] = {
    WeakPassword: "This password is too short. It must contain at least 8 characters.",
}
RETRIED = (TooManyAttempts, HashingOverloaded, OperationalError)
STATUSES = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)

HEADERS = {
    "X-Request-ID": {
        "description": "Names this request in the log and in the audit log",
        "schema": {"type": "string"},
        "required": True,
    },
    "Cache-Control": {"schema": {"type": "string", "const": "no-store"}, "required": True},
}
WWW_AUTHENTICATE = {
    "description": "The schemes by which to authenticate, such as Bearer",
    "schema": {"type": "string"},
    "required": True,
}
ALLOW = {"description": "The methods of this path", "schema": {"type": "string"}, "required": True}
RETRY_AFTER = {
    "description": "Seconds after which the same request may succeed",
    "schema": {"type": "integer", "minimum": 1},
}

TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
}


class Refusal(NamedTuple):
    """A class of exceptions, and the response that a contract gives to it."""

    cls: type[Exception]
    response: ErrorResponse


def by_status(
    contract: Contract, classes: Iterable[type[Exception]], texts: dict[type[Exception], str]
) -> dict[int, list[Refusal]]:
    """Return the different refusals of an operation by status.

    ``texts`` are samples of refusals that word themselves.
    """
    texts = SAMPLE_TEXTS | texts
    found: dict[int, list[Refusal]] = {}
    for cls in dict.fromkeys(classes):
        response = contract.response_to(cls, lambda cls=cls: texts[cls])  # type: ignore[misc]
        same_status = found.setdefault(response.status, [])
        if all(response != each.response for each in same_status):
            same_status.append(Refusal(cls, response))
    return dict(sorted(found.items()))


def description(refusals: Iterable[Refusal]) -> str:
    return " / ".join(each.response.text for each in refusals)


def examples(contract: Contract, refusals: Iterable[Refusal]) -> dict[str, Any]:
    return {each.cls.__name__: {"value": contract.error_body(each.response)} for each in refusals}


def headers(status: int, classes: Iterable[type[Exception]]) -> dict[str, Any]:
    """Return the headers of a refusal; ``Retry-After`` is required if each of its causes has it."""
    found: dict[str, Any] = {**HEADERS}
    if status == 401:
        found["WWW-Authenticate"] = WWW_AUTHENTICATE
    if status == 405:
        found["Allow"] = ALLOW
    retried = [issubclass(cls, RETRIED) for cls in classes]
    if any(retried):
        found["Retry-After"] = {**RETRY_AFTER, **({"required": True} if all(retried) else {})}
    return found


def body_schema(contract: Contract, response: ErrorResponse) -> dict[str, Any]:
    """Return the schema of the error bodies that have the same keys as that of ``response``.

    It is read off bodies of different responses: a value that is the same in all is a constant.
    """
    return _schema_of_bodies(contract.error_body, frozenset(contract.error_body(response)))


@lru_cache(maxsize=64)
def _schema_of_bodies(
    error_body: Callable[[ErrorResponse], dict[str, Any]], keys: frozenset[str]
) -> dict[str, Any]:
    return _schema([body for body in _bodies(error_body) if body.keys() == keys])


def _bodies(error_body: Callable[[ErrorResponse], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for status, text, code in product(STATUSES, ("One", "Two"), ("one", "two", "")):
        yield error_body(ErrorResponse(status, text, code))


def _schema(values: list[Any]) -> dict[str, Any]:
    if all(isinstance(each, dict) for each in values):
        keys = [key for key in values[0] if all(key in each for each in values)]
        properties = {key: _schema([each[key] for each in values]) for key in keys}
        return {"type": "object", "properties": properties, "required": keys}
    if all(isinstance(each, list) for each in values):
        items = [item for each in values for item in each]
        return {"type": "array", **({"items": _schema(items)} if items else {})}
    constant = {"const": values[0]} if all(each == values[0] for each in values) else {}
    return {**type_of(*values), **constant}


def type_of(*values: Any) -> dict[str, Any]:
    """Return the JSON type of values, as a part of a schema."""
    names = list(dict.fromkeys(TYPES.get(type(each), "object") for each in values))
    return {"type": names[0] if len(names) == 1 else names}
