"""Uploads of large files, which only operators may send."""

import time
from collections.abc import Iterable
from importlib import import_module
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import DatabaseError
from django.http import parse_cookie

from authsvc.paths import is_upload
from authsvc.server.chunked_bodies import Application
from authsvc.server.connections import UPLOAD_TIMEOUT, PatientSocket


class UploadMiddleware:
    """WSGI middleware that reads a file to import only from signed-in users: a thread waits for it.

    Other users get the answer to a GET, which leads to the login. Every other body is small, and
    has arrived before a thread gets the request.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if is_upload(environ) and environ["REQUEST_METHOD"] == "POST":
            if is_signed_in(environ):
                extend_timeout(environ.get("gunicorn.socket"))
            else:
                environ |= {"REQUEST_METHOD": "GET", "CONTENT_LENGTH": "0", "wsgi.input": BytesIO()}
        return self.application(environ, start_response)


def extend_timeout(connection: Any) -> None:
    """Allow ``UPLOAD_TIMEOUT`` from now for the body; sync workers have no such limit."""
    if isinstance(connection, PatientSocket):
        connection.read_until = time.monotonic() + UPLOAD_TIMEOUT


def is_signed_in(environ: dict[str, Any]) -> bool:
    cookies = parse_cookie(environ.get("HTTP_COOKIE", ""))
    store = import_module(settings.SESSION_ENGINE).SessionStore
    try:
        return SESSION_KEY in store(cookies.get(settings.SESSION_COOKIE_NAME))
    except DatabaseError:
        return False
