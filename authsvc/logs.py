"""What log lines carry, and what they must not."""

import logging

from django.conf import settings

from accounts import origin
from accounts.origin import printable


class OriginFilter(logging.Filter):
    """Gives each line the id of the request it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        here = origin.current()
        record.request_id, record.contract = here.request_id or "-", here.contract
        return True


class PagesFilter(logging.Filter):
    """Drops Django's lines about contract paths: these may hold a reset token, and the viewset has said what is to say."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        return request is None or not request.path_info.startswith(settings.API_PREFIXES)


class EscapingFormatter(logging.Formatter):
    """A message on one line whatever a client typed into it; only a traceback has more."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message, 4000)
        return super().formatMessage(record)
