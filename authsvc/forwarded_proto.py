"""An error page in place of an endless redirect, where a proxy does not say that it uses https."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from authsvc.middleware import GetResponse

NO_PROXY = (
    "PUBLIC_URL is https, but TRUSTED_PROXIES is 0: set it to the number of proxies in front, "
    "each of which has to send X-Forwarded-Proto"
)
MISSING = (
    "X-Forwarded-Proto is missing: the proxy that ends TLS has to send it, with the value https"
)
CONTRADICTED = (
    "X-Forwarded-Proto is not https, but the browser says that it uses https: the proxy that ends "
    "TLS has to send https, and others keep it"
)

logger = logging.getLogger(__name__)


class ForwardedProtoMiddleware:
    """Answers 503 to a request that nobody says came by https.

    It comes before SecurityMiddleware, which would redirect.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        problem = _problem(request)
        if not problem:
            return self.get_response(request)
        if cache.add("https:forwarded-proto", 1, timeout=60):  # once a minute
            logger.error("%s. Until then pages are not shown", problem)
        return HttpResponse(
            f"503: {problem}.\n",
            status=503,
            content_type="text/plain",
            headers={"Cache-Control": "no-store"},
        )


def _problem(request: HttpRequest) -> str:
    """Return the reason for which a redirect to https would not help; empty if it would."""
    if not settings.SECURE_SSL_REDIRECT or request.is_secure():
        return ""
    if not settings.TRUSTED_PROXIES:
        return NO_PROXY
    if not request.headers.get("X-Forwarded-Proto"):
        return MISSING
    # Browsers send this header over https alone (W3C Fetch Metadata, 2).
    return CONTRADICTED if request.headers.get("Sec-Fetch-Mode") else ""
