"""What surrounds every request, and what surrounds only those of browsers."""

import re
import secrets
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase

from accounts import origin

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class OriginMiddleware:
    """Notes where the request comes from, and gives it an id that the answer, the log and the audit trail share."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        here = origin.Origin(address=client_address(meta), user_agent=meta.get("HTTP_USER_AGENT", ""), request_id=request_id(meta))
        with origin.entered(here):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = here.request_id
        return response


def client_address(meta: dict[str, Any]) -> str | None:
    """The address of the client: as many places from the right of X-Forwarded-For as there are proxies of our own."""
    address = meta.get("REMOTE_ADDR") or None
    if settings.TRUSTED_PROXIES:
        hops = meta.get("HTTP_X_FORWARDED_FOR", "").split(",")
        address = hops[-settings.TRUSTED_PROXIES].strip() if len(hops) >= settings.TRUSTED_PROXIES else address
    try:
        return str(ip_address(address)) if address else None
    except ValueError:
        return meta.get("REMOTE_ADDR") or None


def request_id(meta: dict[str, Any]) -> str:
    """The proxy's id for this request, where there is a proxy to trust; else a new one."""
    given: str = meta.get("HTTP_X_REQUEST_ID", "") if settings.TRUSTED_PROXIES else ""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


class PagesOnly:
    """Skips contract paths: no cookie of Django's, and so no operator's session, ever reaches a contract endpoint."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info.startswith(settings.CONTRACT_PREFIXES):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]


class PagesSessionMiddleware(PagesOnly, SessionMiddleware):
    pass


class PagesAuthenticationMiddleware(PagesOnly, AuthenticationMiddleware):
    pass


class PagesMessageMiddleware(PagesOnly, MessageMiddleware):
    pass
