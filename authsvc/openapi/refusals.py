"""Refusals in a document: the responses other than success, each with its bodies and headers.

Statuses, sentences and bodies are the contract's own: nothing here words a refusal.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions

from accounts.api.contract import COMMON_PHRASES, Contract, ErrorResponse
from accounts.api.operations import Refusals
from accounts.errors import HashingOverloaded, TooManyAttempts, WeakPassword
from authsvc.openapi.json_schemas import inferred

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
        response = contract.response_to(cls, partial(_text_of, cls, texts))
        same_status = found.setdefault(response.status, [])
        if all(response != each.response for each in same_status):
            same_status.append(Refusal(cls, response))
    return dict(sorted(found.items()))


def _text_of(cls: type[Exception], texts: dict[type[Exception], str]) -> str:
    return next(texts[base] for base in cls.__mro__ if base in texts)


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

    It is read off the bodies of all responses that the contract words: a value that is the same in
    all of them is a constant.
    """
    worded = {response, *contract.phrases.values(), *COMMON_PHRASES.values()}
    return _schema_of_bodies(contract.error_body, frozenset(worded), response)


@lru_cache(maxsize=256)
def _schema_of_bodies(
    error_body: Callable[[ErrorResponse], dict[str, Any]],
    worded: frozenset[ErrorResponse],
    response: ErrorResponse,
) -> dict[str, Any]:
    like = error_body(response)
    bodies = [body for each in sorted(worded) for body in _bodies(error_body, each)]
    return inferred([like, *(body for body in bodies if body.keys() == like.keys())])


def _bodies(
    error_body: Callable[[ErrorResponse], dict[str, Any]], response: ErrorResponse
) -> Iterator[dict[str, Any]]:
    """Return the body of a response, and that of another text: the first may be the only one."""
    yield error_body(response)
    with suppress(Exception):  # the contract may know no other text
        yield error_body(response._replace(text=f"{response.text} "))
