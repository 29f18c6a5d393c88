"""Answers of the application, compared with what its OpenAPI documents say about them."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, NamedTuple

import jsonschema_rs

from authsvc.contracts import challenge, registry
from authsvc.openapi.documents import DocumentGenerator

Object = dict[str, Any]

# Headers of any response, whatever the operation; a document names the others.
GENERAL_HEADERS = {
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "connection",
    "content-language",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "date",
    "permissions-policy",
    "referrer-policy",
    "server",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-frame-options",
}


class Answer(NamedTuple):
    """A response, with the method and the path of its request."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status} {self.body[:300]!r}"


class Document:
    """An OpenAPI document; its paths are those of the application, with the server's prefix."""

    def __init__(self, document: Object) -> None:
        self.components: Object = document["components"]
        prefix = document.get("servers", [{"url": ""}])[0]["url"]
        self.paths: dict[str, Object] = {
            prefix + path: operations for path, operations in document["paths"].items()
        }

    def operations_at(self, path: str) -> Object:
        """Return the operations of a path by method; none where the document has no such path.

        A slash at the end changes nothing.
        """
        path = path.removesuffix("/")
        found = (operations for pattern, operations in self._patterns if pattern.fullmatch(path))
        return self.paths[path] if path in self.paths else next(found, {})

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], Object]]:
        return [
            (re.compile(re.sub(r"\\\{\w+\\\}", r"[^/\\n]+", re.escape(path))), operations)
            for path, operations in self.paths.items()
            if "{" in path
        ]

    def resolved(self, part: Object) -> Object:
        """Return a part, or what it refers to among the components."""
        if "$ref" not in part:
            return part
        _, _, kind, name = part["$ref"].split("/")
        found: Object = self.components[kind][name]
        return found

    def errors(self, schema: Object, value: Any, **options: bool) -> list[str]:
        """Return what is wrong with a value; ``validator`` explains the options."""
        errors = self.validator(json.dumps(schema), **options).iter_errors(value)
        return [f"{'/'.join(map(str, each.instance_path))}: {each.message}" for each in errors]

    @cache  # noqa: B019 (documents are kept to the end, too)
    def validator(self, schema: str, *, open: bool = False, formats: bool = True) -> Any:
        """Return a validator of a schema, which may refer to the components.

        ``open`` lets objects have properties that the document does not name.
        """
        components: Object = self.components["schemas"]
        components = components if open else closed(components)
        whole = {**json.loads(schema), "components": {"schemas": components}}
        return jsonschema_rs.validator_for(whole, validate_formats=formats)


def closed(schema: Any) -> Any:
    """Return a schema whose objects have no other properties than it says."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def document(name: str = "") -> Document:
    """Return the document of one contract, or without a name that of the shared paths."""
    return _document(name, challenge.EMPTY_SUCCESS.value)


@cache
def _document(name: str, empty_success: bool) -> Document:
    """Make a document, which that setting changes."""
    generator = DocumentGenerator(urlconf="authsvc.urls", api_version=name or None)
    return Document(generator.get_schema())


def document_of(path: str) -> Document:
    """Return the document that would have this path: its contract's, or that of all."""
    names = {each.contract.name for each in registry.registered()}
    _, c, name, *_ = [*path.split("/"), "", ""]
    return document(name if c == "c" and name in names else "")


def problems(answer: Answer) -> list[str]:
    """Return how an answer differs from its document; nothing where no document has its path."""
    found = document_of(answer.path)
    operations = found.operations_at(answer.path)
    if not operations or answer.method == "OPTIONS":  # preflights of browsers
        return []
    response = response_to(operations, answer)
    if response is None:
        return [f"status {answer.status} is not in the document"]
    return list(differences(found, found.resolved(response), answer))


def response_to(operations: Object, answer: Answer) -> Object | None:
    """Return what a document says about a status; any operation of a path has its 405."""
    method = "get" if answer.method == "HEAD" else answer.method.lower()
    if method in operations:
        own: Object | None = operations[method]["responses"].get(str(answer.status))
        return own
    any_operation = next(iter(operations.values()))
    refused: Object = any_operation["responses"]["405"]
    return refused if answer.status == 405 else None


def differences(document: Document, response: Object, answer: Answer) -> Iterator[str]:
    """Yield how the headers and the body of an answer differ from a response object."""
    documented = {name.lower(): header for name, header in response.get("headers", {}).items()}
    sent = {name.lower(): value for name, value in answer.headers.items()}
    for name, header in documented.items():
        yield from header_errors(document, document.resolved(header), name, sent.get(name))
    for name in sent.keys() - documented.keys() - GENERAL_HEADERS:
        yield f"header {name} is not in the document"
    if answer.method != "HEAD":
        yield from body_errors(document, response.get("content", {}), sent, answer.body)


def header_errors(
    document: Document, header: Object, name: str, value: str | None
) -> Iterator[str]:
    if value is None:
        if header.get("required"):
            yield f"header {name} is missing"
        return
    is_number = header["schema"].get("type") == "integer" and value.isdecimal()
    for error in document.errors(header["schema"], int(value) if is_number else value):
        yield f"header {name}: {error}"


def body_errors(
    document: Document, content: Object, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    media_type = headers.get("content-type", "").partition(";")[0]
    if not content:
        if body or media_type:
            yield f"a body that is not in the document, of type {media_type!r}"
    elif media_type not in content:
        yield f"content type {media_type!r} is not in the document"
    else:
        yield from document.errors(content[media_type]["schema"], json.loads(body))
