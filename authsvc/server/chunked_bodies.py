"""Bodies sent in chunks (RFC 9112, 7.1), which WSGI frameworks take for empty: .NET and Spring send them by default."""

import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings
from gunicorn.http.errors import NoMoreData, ParseException

from authsvc.paths import is_upload

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
SIZE = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n")
LONGEST_SIZE_LINE = 8 * 1024  # as in gunicorn
MALFORMED = "malformed"  # a length that Django's side refuses in the words of the contract


class Chunks:
    """Tells from the bytes that have arrived whether the body is complete. Each byte is looked at once, however often it asks."""

    def __init__(self) -> None:
        self.size = 0  # of the chunks that are whole
        self.too_large = False
        self._next = 0  # where the next chunk begins
        self._ended = False

    def complete(self, body: bytes, largest: int) -> bool:
        """Return whether the body is complete, or too large, or malformed: nothing more need arrive."""
        while not self._ended:
            found = SIZE.match(body, self._next)
            if not found:
                return (
                    body.find(b"\r\n", self._next) >= 0
                    or len(body) - self._next > LONGEST_SIZE_LINE
                )
            length, start = int(found[1], 16), found.end()
            if self.size + min(length, len(body) - start) > largest:
                self.too_large = True
                return True
            if length and len(body) < start + length + 2:
                return False
            self.size += length
            self._ended = not length
            self._next = start + length + 2 if length else start
        trailers = self._next
        return body.startswith(b"\r\n", trailers) or body.find(b"\r\n\r\n", trailers) >= 0


class WithLength:
    """WSGI middleware that reads a chunked body and passes it on with its length, as if it had come with one.

    A body that is too large is read no further than that, and keeps a length that is too large; malformed chunks get a
    length that is none. So the application refuses both as it refuses any other body.
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
        largest = settings.LARGEST_UPLOAD if is_upload(environ) else settings.LARGEST_BODY
        try:
            body = environ["wsgi.input"].read(largest + 1)
        except (ParseException, NoMoreData):
            environ["CONTENT_LENGTH"], environ["wsgi.input"] = MALFORMED, BytesIO()
        else:
            environ["CONTENT_LENGTH"], environ["wsgi.input"] = str(len(body)), BytesIO(body)
