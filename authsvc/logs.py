"""Filters and a formatter of log lines."""

import logging
from typing import Any

from django.urls import reverse

from accounts import request_context
from accounts.request_context import printable
from authsvc.paths import is_for_programs

PLACEHOLDER = "in-place-of-a-token"
MAX_LOGGED_LINE_LENGTH = 4000  # characters of a message, or of a line of a traceback


class RequestContextFilter(logging.Filter):
    """Gives each line the id and the contract of the request it belongs to; ``-`` if none."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = request_context.current_or_none()
        record.request_id = context.request_id if context and context.request_id else "-"
        record.contract = context.contract if context else ""
        return True


class PagesFilter(logging.Filter):
    """Drops Django's lines about API paths, whose viewsets log, and hides reset tokens in paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.__dict__.pop("request", None)
        if request is None:
            return True
        prefix = reset_link_prefix()
        if request.path.startswith(prefix) and isinstance(record.args, tuple):
            record.args = tuple(f"{prefix}…" if arg == request.path else arg for arg in record.args)
        # A page answers 503 where no mail is sent, which is no fault.
        refused = getattr(record, "status_code", 0) == 503
        return not refused and not is_for_programs(request.path_info)


def reset_link_prefix() -> str:
    """Return the path of a mail's link up to its token, wherever the link leads."""
    return reverse("open-link", args=[PLACEHOLDER]).partition(PLACEHOLDER)[0]


class EscapingFormatter(logging.Formatter):
    """Writes a message on one line, with control characters escaped.

    Only a traceback has more lines, indented and escaped.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message, MAX_LOGGED_LINE_LENGTH)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(
            f"  {printable(line, MAX_LOGGED_LINE_LENGTH)}"
            for line in super().formatException(ei).split("\n")
        )
