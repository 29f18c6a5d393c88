"""Log lines about requests with a foreign Host or Origin, often changed by a proxy."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from accounts.request_context import printable

logger = logging.getLogger(__name__)


def foreign_host(request: HttpRequest) -> None:
    """Log a host that is not in ALLOWED_HOSTS, once a minute."""
    if cache.add("misrouted:host", 1, timeout=60):
        logger.warning(
            "Host %s is refused: it is not in ALLOWED_HOSTS, nor the host of PUBLIC_URL, %s. "
            "A proxy has to pass on what browsers sent",
            _shown(request, "Host"),
            settings.PUBLIC_URL,
        )


def foreign_origin(request: HttpRequest) -> None:
    """Log the origin of a form that is neither PUBLIC_URL's nor its Host's, once a minute."""
    origin = request.headers.get("Origin")
    ours = (*settings.CSRF_TRUSTED_ORIGINS, f"{request.scheme}://{request.headers.get('Host', '')}")
    if origin and origin not in ours and cache.add("misrouted:origin", 1, timeout=60):
        logger.warning(
            "A form from Origin %s with Host %s is refused: neither fits PUBLIC_URL, %s, "
            "or the proxy changes one of them",
            _shown(request, "Origin"),
            _shown(request, "Host"),
            settings.PUBLIC_URL,
        )


def _shown(request: HttpRequest, header: str) -> str:
    return f"'{printable(request.headers.get(header, ''), 100)}'"
