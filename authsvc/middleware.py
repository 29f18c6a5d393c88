"""Middleware of every request, and the branch between the API and pages for browsers."""

import logging
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, cast

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.middleware.locale import LocaleMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from django.utils import translation

from accounts import request_context
from accounts.api import parsers
from authsvc import health
from authsvc.paths import FORWARD_AUTH, is_for_programs, is_forward_auth, with_one_slash

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
NO_LENGTH = (204, 304)  # statuses of responses without Content-Length (RFC 9110, 8.6)
HOP = re.compile(r"\[([^]]*)\](?::\d*)?|([^:]*):\d*", re.ASCII)

logger = logging.getLogger(__name__)


class RequestContextMiddleware:
    """Opens the request context, with the id that the answer, the log and audit events share."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("//"):
            request.path = request.path_info = with_one_slash(request.path_info)
        context = context_of(request.META)
        with request_context.use(context):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = context.request_id
        if not getattr(response, "content", b"-"):
            response.headers.pop("Content-Type", None)  # clients parse what has one
        return response


def context_of(meta: dict[str, Any]) -> request_context.RequestContext:
    return request_context.RequestContext(
        address=client_address(meta),
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        request_id=request_id(meta),
        languages=meta.get("HTTP_ACCEPT_LANGUAGE", ""),
    )


def client_address(meta: dict[str, Any]) -> str | None:
    """Return the client's address: the entry of X-Forwarded-For at TRUSTED_PROXIES from the right.

    None if there is no readable address: the peer is then the proxy, which stands for all clients.
    """
    if not settings.TRUSTED_PROXIES:
        return meta.get("REMOTE_ADDR") or None  # empty behind a Unix socket
    header = meta.get("HTTP_X_FORWARDED_FOR")
    hops = (header or "").split(",")
    try:
        return read_hop(hops[-settings.TRUSTED_PROXIES].strip())
    except (IndexError, ValueError):
        # Health checks come from inside, past the proxy.
        if meta.get("PATH_INFO") not in health.CHECKS:
            warn_of_unreadable(header)
        return None


def read_hop(hop: str) -> str:
    """Return the address in an entry: ``ip``, ``ip:port``, ``[v6]`` or ``[v6]:port``."""
    found = HOP.fullmatch(hop)
    return str(ip_address((found[1] or found[2]) if found else hop))


def warn_of_unreadable(header: str | None) -> None:
    """Log a warning, once a minute in the whole deployment: every request may have the header."""
    if not cache.add("middleware:unreadable-x-forwarded-for", 1, timeout=60):
        return
    problem = "is missing"
    if header is not None:
        shown = request_context.printable(header, 100)
        problem = f"has no address where TRUSTED_PROXIES points: {shown}"
    logger.warning(
        "X-Forwarded-For %s. The client's address is unknown, "
        "and no limit by address applies to it",
        problem,
    )


def request_id(meta: dict[str, Any]) -> str:
    """Return the proxy's id for this request if there is a trusted proxy; else a new one."""
    given: str = meta.get("HTTP_X_REQUEST_ID", "") if settings.TRUSTED_PROXIES else ""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


resolve_api_path = lru_cache(maxsize=256)(resolve)  # most requests are for a few paths


class APIMiddleware:
    """Answers API requests without the middleware that follows, which is for browsers.

    So no cookie of Django's, and no operator's session, has a meaning for the API.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        subdomains = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
        seconds = settings.SECURE_HSTS_SECONDS
        self.strict_transport = f"max-age={seconds}{subdomains}" if seconds else ""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_for_programs(request.path_info):
            if request.path_info == settings.UPLOAD_PATH:
                return self.upload(request)
            parsers.check_length(request.META.get("CONTENT_LENGTH"))
            return self.get_response(request)
        path = FORWARD_AUTH if is_forward_auth(request.path_info) else request.path_info
        request.resolver_match = found = resolve_api_path(path, settings.ROOT_URLCONF)
        response: Any = found.func(request, *found.args, **found.kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response.render()
        if response.status_code not in NO_LENGTH:
            response.headers["Content-Length"] = str(len(response.content))
        response.headers["X-Content-Type-Options"] = "nosniff"
        if self.strict_transport and request.is_secure():  # RFC 6797, 7.2
            response.headers["Strict-Transport-Security"] = self.strict_transport
        return cast("HttpResponseBase", response)

    def upload(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the one page that takes a file, which also shows that a file is too large."""
        try:
            parsers.check_length(request.META.get("CONTENT_LENGTH"), settings.MAX_UPLOAD_BYTES)
        except RequestDataTooBig:
            return HttpResponseRedirect(f"{settings.UPLOAD_PATH}?too_large=yes")
        return self.get_response(request)


class LanguageMiddleware(LocaleMiddleware):
    """Answers pages in the browser's language, and deactivates it after the response.

    The thread's next request may be for the API, which has one language.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response = super().process_response(request, response)
        translation.deactivate()
        return response
