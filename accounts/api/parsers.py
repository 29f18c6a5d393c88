"""Parsers of request bodies.

They are strict: whatever two readers could read in two ways is refused (RFC 8259, 4 and 8).
"""

import json
from codecs import BOM_UTF8
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from rest_framework import parsers
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request

MAX_FORM_FIELDS = 100


def check_length(stated: str | None, largest: int | None = None) -> None:
    """Refuse a body for the length in its header, before it is read."""
    if stated and not (stated.isascii() and stated.isdigit()):
        raise SuspiciousOperation("Malformed Content-Length")
    if stated and (len(stated) > 10 or int(stated) > (largest or settings.MAX_BODY_BYTES)):
        raise RequestDataTooBig


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8.

    Refuses a key that stands twice, NaN, and numbers or nesting beyond reason. A byte order mark
    before it is ignored (RFC 8259, 8.1).
    """
    try:
        return json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_constant
        )
    except (ValueError, RecursionError) as error:
        raise ParseError("Malformed JSON") from error


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a urlencoded form in UTF-8, each of them once (RFC 6749, 3.2)."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
        return _object(pairs)
    except ValueError as error:
        raise ParseError("Malformed form data") from error


def looks_like_json(body: bytes) -> bool:
    """Return whether a body is JSON; ``curl -d '{…}'`` without a header labels it a form."""
    return body.removeprefix(BOM_UTF8).lstrip()[:1] == b"{"


def is_form(request: Request) -> bool:
    """Return whether the body of a request, which is read already, was a form."""
    if request.content_type.lower().startswith("multipart/"):
        return True
    return request.content_type.lower().startswith(
        "application/x-www-form-urlencoded"
    ) and not looks_like_json(request.body)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key stands twice")
    return read


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class JSONParser(parsers.JSONParser):
    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return read_json(stream.read())


class MislabelledJSONParser(parsers.FormParser):
    """Reads JSON that is labelled as a form, for contracts that know no forms."""

    documented = False  # in a contract's OpenAPI document: the label is wrong

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read()
        if not looks_like_json(body):
            raise UnsupportedMediaType(media_type or "")
        return read_json(body)


class FormParser(parsers.FormParser):
    """Reads a urlencoded form, or JSON that is labelled as one."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read()
        return read_json(body) if looks_like_json(body) else read_form(body)


class MultipartParser(parsers.MultiPartParser):
    """Reads a multipart form with each field once, and refuses files."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            parsed: Any = super().parse(stream, media_type, parser_context)
        except UnicodeError as error:
            raise ParseError("Malformed form data") from error
        if parsed.files or any(len(values) > 1 for _, values in parsed.data.lists()):
            raise ParseError("Malformed form data")
        return parsed.data.dict()


JSON = (JSONParser, MislabelledJSONParser)
FORMS = (FormParser, MultipartParser)
# Not (*JSON, *FORMS): the second parser of JSON would refuse urlencoded forms.
JSON_AND_FORMS = (JSONParser, *FORMS)
