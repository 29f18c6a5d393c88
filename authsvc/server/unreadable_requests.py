"""Error responses to requests that gunicorn cannot parse.

No contract is known yet, so the JSON has the fields of all contracts.
"""

import json
import logging
import secrets
from http import HTTPStatus
from typing import Any

from gunicorn import util

from accounts import request_context

MESSAGES = {
    400: "Malformed request",
    403: "Forbidden",
    414: "The URL is too long",
    417: "Unknown expectation",
    431: "The header fields are too large",
    500: "Internal server error",
    501: "Unknown transfer encoding",
}

logger = logging.getLogger(__name__)


def error_response(status: int) -> bytes:
    """Return a whole response that closes the connection, and log its request id.

    It repeats nothing of the request.
    """
    context = request_context.RequestContext(request_id=secrets.token_hex(8))
    text = MESSAGES.get(status, HTTPStatus(status).phrase)
    with request_context.use(context):
        logger.warning("refused unread with %d: %s", status, text)
    body = json.dumps({"detail": text, "error": text, "message": text, "status": status})
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Date: {util.http_date()}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-ID: {context.request_id}",
    ]
    return "\r\n".join([*lines, "", body]).encode("ascii")


def write_error(sock: Any, status_int: int, reason: str, mesg: str) -> None:
    """Replace gunicorn's ``util.write_error``, which writes HTML; gunicorn.conf.py installs it."""
    util.write_nonblock(sock, error_response(status_int))
