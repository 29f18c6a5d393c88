"""Log lines about requests whose Host or Origin is not this service's, often for a proxy that changes them: each once a minute."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from accounts.request_context import printable

logger = logging.getLogger(__name__)


def foreign_host(request: HttpRequest) -> None:
    """Name the host that ALLOWED_HOSTS does not have."""
    if cache.add("misrouted:host", 1, timeout=60):
        logger.warning(
            "Host %s is refused: it is not in ALLOWED_HOSTS, nor the host of PUBLIC_URL, %s. A proxy has to pass on what browsers sent",
            _shown(request, "Host"),
            settings.PUBLIC_URL,
        )


def foreign_origin(request: HttpRequest) -> None:
    """Name the origin of a form that is neither that of PUBLIC_URL nor that of its Host; say nothing of other forms."""
    origin = request.headers.get("Origin")
    ours = (*settings.CSRF_TRUSTED_ORIGINS, f"{request.scheme}://{request.headers.get('Host', '')}")
    if origin and origin not in ours and cache.add("misrouted:origin", 1, timeout=60):
        logger.warning(
            "A form from Origin %s with Host %s is refused: neither fits PUBLIC_URL, %s, or the proxy changes one of them",
            _shown(request, "Origin"),
            _shown(request, "Host"),
            settings.PUBLIC_URL,
        )


def _shown(request: HttpRequest, header: str) -> str:
    return f"'{printable(request.headers.get(header, ''), 100)}'"
