"""What log lines carry, and what they must not."""

import logging
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts import request_context
from accounts.request_context import printable


class RequestContextFilter(logging.Filter):
    """Gives each line the id and the contract of the request it belongs to; ``-`` if none."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = request_context.current_or_none()
        record.request_id = context.request_id if context and context.request_id else "-"
        record.contract = context.contract if context else ""
        return True


class PagesFilter(logging.Filter):
    """Drops Django's lines about contract paths, whose viewsets have said what is to say; and no path of a page shows its secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.__dict__.pop("request", None)
        if request is None:
            return True
        secret = f"{reverse('reset')}/"
        if request.path.startswith(secret) and isinstance(record.args, tuple):
            record.args = tuple(f"{secret}…" if arg == request.path else arg for arg in record.args)
        refused = (
            getattr(record, "status_code", 0) == 503
        )  # by a page: where no mail is sent, which is no fault
        return not refused and not request.path_info.startswith(settings.API_PREFIXES)


class EscapingFormatter(logging.Formatter):
    """A message on one line whatever a client typed into it; only a traceback has more, each of them indented and escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message, 4000)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(
            f"  {printable(line, 4000)}" for line in super().formatException(ei).split("\n")
        )
