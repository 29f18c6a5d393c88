"""Answers to HEAD, which have the headers of GET and no body (RFC 9110, 9.3.2)."""

from collections.abc import Iterable, Iterator
from typing import Any

from authsvc.server.chunked_bodies import Application


class HeadMiddleware:
    """WSGI middleware around all others that drops the bodies of answers to HEAD.

    Views make them for their Content-Length; gunicorn would drop them too, and log a warning each.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = self.application(environ, start_response)
        return WithoutBody(answer) if environ["REQUEST_METHOD"] == "HEAD" else answer


class WithoutBody:
    """An answer of which nothing is read; the server closes it like any other."""

    def __init__(self, answer: Iterable[bytes]) -> None:
        self.answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        if close := getattr(self.answer, "close", None):
            close()
