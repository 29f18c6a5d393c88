"""Bodies sent in chunks (RFC 9112, 7.1), which WSGI frameworks take for empty.

.NET and Spring send them by default.
"""

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings
from gunicorn.http.errors import NoMoreData, ParseException

from authsvc.paths import is_upload

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n")
MAX_SIZE_LINE_BYTES = 8 * 1024  # as in gunicorn
MALFORMED = "malformed"  # a Content-Length that is refused as the contract words it


class ChunkedBody:
    """Scanner of a chunked body, of which each call sees more bytes; it reads each byte once."""

    def __init__(self) -> None:
        self.size = 0  # of the chunks that are whole
        self.too_large = False
        self._next = 0  # index of the next chunk
        self._ended = False

    def is_complete(self, body: bytes, max_bytes: int) -> bool:
        """Return whether no more bytes are needed: complete, too large, or malformed."""
        while not self._ended:
            found = CHUNK_SIZE.match(body, self._next)
            if not found:
                return (
                    body.find(b"\r\n", self._next) >= 0
                    or len(body) - self._next > MAX_SIZE_LINE_BYTES
                )
            length, start = int(found[1], 16), found.end()
            if self.size + min(length, len(body) - start) > max_bytes:
                self.too_large = True
                return True
            if length and len(body) < start + length + 2:
                return False
            self.size += length
            self._ended = not length
            self._next = start + length + 2 if length else start
        trailers = self._next
        return body.startswith(b"\r\n", trailers) or body.find(b"\r\n\r\n", trailers) >= 0


class ContentLengthMiddleware:
    """WSGI middleware that reads a chunked body and passes it on with a Content-Length.

    A body that is too large is read only up to the limit and gets a length above it; malformed
    chunks get ``MALFORMED``. So the application refuses both like any other body.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if (
            environ.get("wsgi.input_terminated")
            and "HTTP_TRANSFER_ENCODING" in environ
            and "CONTENT_LENGTH" not in environ
        ):
            self.read(environ)
        return self.application(environ, start_response)

    def read(self, environ: dict[str, Any]) -> None:
        max_bytes = settings.MAX_UPLOAD_BYTES if is_upload(environ) else settings.MAX_BODY_BYTES
        try:
            body = environ["wsgi.input"].read(max_bytes + 1)
        except (ParseException, NoMoreData):
            environ["CONTENT_LENGTH"], environ["wsgi.input"] = MALFORMED, BytesIO()
        else:
            environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(len(body)), BytesIO(body)
