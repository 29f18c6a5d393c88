"""Pages of a service whose PUBLIC_URL is https: an answer in words where a redirect would lead back to the same page for ever."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from authsvc.middleware import GetResponse

NO_PROXY = "PUBLIC_URL is https, but TRUSTED_PROXIES is 0: set it to the number of proxies in front, each of which has to send X-Forwarded-Proto"
MISSING = (
    "X-Forwarded-Proto is missing: the proxy that ends TLS has to send it, with the value https"
)
NOT_SO = "X-Forwarded-Proto is not https, but the browser says that it uses https: the proxy that ends TLS has to send https, and others keep it"

logger = logging.getLogger(__name__)


class ForwardedProtoMiddleware:
    """Refuses a page of which nothing tells that it was asked for by https. It stands before SecurityMiddleware, which redirects."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        wrong = _wrong(request)
        if not wrong:
            return self.get_response(request)
        if cache.add(
            "https:forwarded-proto", 1, timeout=60
        ):  # once a minute: every page comes with it
            logger.error("%s. Until then pages are not shown", wrong)
        return HttpResponse(
            f"503: {wrong}.\n",
            status=503,
            content_type="text/plain",
            headers={"Cache-Control": "no-store"},
        )


def _wrong(request: HttpRequest) -> str:
    """Return why a redirect to https would not help, or nothing."""
    if not settings.SECURE_SSL_REDIRECT or request.is_secure():
        return ""
    if not settings.TRUSTED_PROXIES:
        return NO_PROXY
    if not request.headers.get("X-Forwarded-Proto"):
        return MISSING
    return (
        NOT_SO if request.headers.get("Sec-Fetch-Mode") else ""
    )  # sent by https alone (W3C Fetch Metadata, 2)
