"""A client whose answers are held against the OpenAPI documents: status, body and headers."""

import json
import re
from functools import cache
from typing import Any

from django.conf import settings
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker

from authsvc.contracts import registry
from authsvc.openapi import rendered

NAMED = (
    "Retry-After",
    "WWW-Authenticate",
    "Allow",
)  # headers that an answer has only if documented
OF_ALL_ROUTES = "authsvc.urls"


class DocumentedClient(Client):
    """Django's test client, which fails where an answer is not one of its operation's document.

    Paths of no operation are not looked at, nor are routes and settings of a test's own, of which
    there is no document.
    """

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        found = operation_at(request["PATH_INFO"], request["REQUEST_METHOD"].lower())
        if found and is_as_documented():
            check(*found, response)
        return response


def is_as_documented() -> bool:
    return settings.ROOT_URLCONF == OF_ALL_ROUTES and not getattr(
        settings, "CHALLENGE_EMPTY_SUCCESS", False
    )


def operation_at(path: str, method: str) -> tuple[str, str, str] | None:
    """Return the name of a document, the path and the method in it of an operation."""
    prefix = re.match(r"/c/([a-z0-9_]+)(?=/)", path)
    name = prefix[1] if prefix else ""
    below = path.removeprefix(prefix[0] if prefix else "")
    for pattern, template, methods in operations(name):
        if method in methods and pattern.fullmatch(below):
            return name, template, method
    return None


@cache
def document(name: str) -> Any:
    return json.loads(rendered.document(name).body)


@cache
def operations(name: str) -> list[tuple[re.Pattern[str], str, set[str]]]:
    """Return the paths of a document as patterns, each with its methods."""
    if name and name not in registry.served_names():
        return []
    return [
        (re.compile(re.sub(r"\{[^}]*\}", "[^/]+", template) + "/?"), template, set(methods))
        for template, methods in document(name)["paths"].items()
    ]


def check(name: str, template: str, method: str, response: Any) -> None:
    where = f"{method.upper()} {template} in the document of {name or 'all paths'}"
    documented = responses(name, template, method)
    assert response.status_code in documented, f"{response.status_code} of {where}"
    headers, validator = documented[response.status_code]
    missing = {header for header, required in headers.items() if required} - {*response.headers}
    assert not missing, f"{missing} of {where}"
    unknown = {header for header in NAMED if header in response.headers} - {*headers}
    assert not unknown, f"{unknown} of {where}"
    if validator is None:
        assert response.content == b"", where
    else:
        problem = next(validator.iter_errors(json.loads(response.content)), None)
        assert problem is None, f"{where}: {problem}"


@cache
def responses(name: str, template: str, method: str) -> dict[int, tuple[dict[str, bool], Any]]:
    """Return the responses of an operation: the headers, and a validator of the body, or None."""
    whole = document(name)
    operation = whole["paths"][template][method]
    found = {}
    for status, reference in operation["responses"].items():
        response = resolved(whole, reference)
        headers = {
            header: bool(resolved(whole, described).get("required"))
            for header, described in response["headers"].items()
        }
        media = response.get("content", {}).get("application/json")
        schema = media and {"components": whole["components"], **media["schema"]}
        validator = schema and Draft202012Validator(schema, format_checker=FormatChecker())
        found[int(status)] = headers, validator
    return found


def resolved(whole: Any, part: Any) -> Any:
    """Return a part of a document, or what it refers to."""
    if "$ref" not in part:
        return part
    found = whole
    for key in part["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found
