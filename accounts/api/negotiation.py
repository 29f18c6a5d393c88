"""Choice of the parser of a request; parsers and their like are made once for all requests."""

from functools import cache
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation

from accounts.api.parsers import JSONParser


@cache
def instances_of(classes: tuple[type[Any], ...]) -> list[Any]:
    """Return one instance of each class, shared by all requests.

    Parsers, authentications and permissions keep no state between requests.
    """
    return [cls() for cls in classes]


class ContentTypeNegotiation(BaseContentNegotiation):
    """Chooses the parser by ``Content-Type``; a body without one is JSON.

    ``Accept`` is ignored: the documents know no answer but JSON.
    """

    def select_parser(self, request: Any, parsers: Any) -> Any:
        media_type = request.content_type.partition(";")[0].strip().lower()
        if not request.content_type.strip():
            return instances_of((JSONParser,))[0]
        return next((parser for parser in parsers if parser.media_type == media_type), None)
