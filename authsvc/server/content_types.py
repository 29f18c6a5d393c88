"""Content types that Django cannot represent, which would be a 500 before any view runs."""

import codecs
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from django.utils.http import parse_header_parameters

from authsvc.server.chunked_bodies import Application

UNKNOWN = "application/octet-stream"  # which no endpoint takes
QUERY = b"a=%20&b"  # Django reads the query, too, in the charset of the body


class ContentTypeMiddleware:
    """WSGI middleware that replaces such a type by ``UNKNOWN``: what reads a body answers 415."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        content_type = environ.get("CONTENT_TYPE", "")
        if ";" in content_type and not is_readable(content_type):
            environ["CONTENT_TYPE"] = UNKNOWN
        return self.application(environ, start_response)


@lru_cache(maxsize=64)
def is_readable(content_type: str) -> bool:
    """Return whether the parameters can be parsed, and the charset is one of text, if it is known.

    Python has codecs that are none of text (``hex``), and some that refuse ASCII. Django ignores
    an unknown charset.
    """
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
        return not _is_known(charset) or _reads_queries(charset)
    except (LookupError, ValueError):
        return False


def _reads_queries(charset: str) -> bool:
    unquote("%ff", charset, "replace")  # raises where a codec replaces nothing
    return QUERY.decode(charset) == QUERY.decode()


def _is_known(charset: str) -> bool:
    try:
        codecs.lookup(charset)
    except LookupError:
        return False
    return True
