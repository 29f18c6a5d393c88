"""Documents as bytes, each made once in a process, when it is first asked for."""

import json
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

from drf_spectacular.drainage import GENERATOR_STATS

from authsvc.openapi.documents import DocumentGenerator

_one_at_a_time = Lock()  # drf-spectacular keeps its warnings in one place for all


class Rendered(NamedTuple):
    body: bytes
    etag: str


def document(name: str = "") -> Rendered:
    """Return the document of one contract, or without a name that of the shared paths."""
    with _one_at_a_time:
        return _document(name)


@cache
def _document(name: str) -> Rendered:
    with GENERATOR_STATS.silence():  # manage.py spectacular and check --deploy say its warnings
        schema = DocumentGenerator(api_version=name or None).get_schema()
    body = json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode()
    return Rendered(body, f'"{sha256(body).hexdigest()[:32]}"')
