"""WSGI middleware that answers forward requests by their view alone.

Nothing else may answer them, and a proxy waits for each. So neither Django's handler nor its
middleware sees one; they would take a tenth of the time.
"""

import logging
from collections.abc import Iterable
from io import BytesIO
from typing import Any, cast

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse, JsonResponse

from authsvc.forward_auth.views import forward_auth
from authsvc.middleware import RequestContextMiddleware
from authsvc.paths import is_forward_auth
from authsvc.server.chunked_bodies import Application

# Headers of a body: that of the proxy's client, which some proxies announce and do not send.
OF_BODIES = ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING")

logger = logging.getLogger(__name__)


class ForwardAuthMiddleware:
    """Answers forward requests without their body, and passes all others on."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.get_response = RequestContextMiddleware(forward_auth)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not is_forward_auth(environ["PATH_INFO"]):
            return self.application(environ, start_response)
        for header in OF_BODIES:
            environ.pop(header, None)
        environ["wsgi.input"] = BytesIO()
        response = self.respond(environ)
        response.headers["Content-Length"] = str(len(response.content))
        if environ["REQUEST_METHOD"] == "HEAD":
            response.content = b""
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items()])
        return response

    def respond(self, environ: dict[str, Any]) -> HttpResponse:
        """Return the view's response; 403 for a request that Django cannot represent."""
        try:
            return cast("HttpResponse", self.get_response(WSGIRequest(environ)))
        except Exception:
            logger.exception("a forward request could not be read")
            return JsonResponse({"detail": "Forbidden"}, status=403)
