"""What surrounds every request, and where those of contracts part from those of browsers."""

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
from authsvc.paths import with_one_slash

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
HOP_WITH_PORT = re.compile(r"\[([^]]*)\](?::\d*)?|([^:]*):\d*", re.ASCII)

logger = logging.getLogger(__name__)


class RequestContextMiddleware:
    """Opens the request context, with the id that the answer, the log and audit events share."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        meta = request.META
        if request.path_info.startswith("//"):
            request.path = request.path_info = with_one_slash(request.path_info)
        context = request_context.RequestContext(
            address=client_address(meta),
            user_agent=meta.get("HTTP_USER_AGENT", ""),
            request_id=request_id(meta),
            languages=meta.get("HTTP_ACCEPT_LANGUAGE", ""),
        )
        with request_context.use(context):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = context.request_id
        if request.method != "HEAD" and not getattr(response, "content", b"-"):
            response.headers.pop("Content-Type", None)  # clients parse what has one
        return response


def client_address(meta: dict[str, Any]) -> str | None:
    """The client's address: as many places from the right of X-Forwarded-For as there are proxies of our own.

    None where that header has no readable address there: the peer is then the proxy, which stands for all clients.
    """
    if not settings.TRUSTED_PROXIES:
        return meta.get("REMOTE_ADDR") or None  # empty behind a Unix socket
    header = meta.get("HTTP_X_FORWARDED_FOR")
    hops = (header or "").split(",")
    try:
        return read_hop(hops[-settings.TRUSTED_PROXIES].strip())
    except (IndexError, ValueError):
        if (
            meta.get("PATH_INFO") not in settings.HEALTH_PATHS
        ):  # which are asked for from inside, past the proxy
            warn_of_unreadable(header)
        return None


def read_hop(hop: str) -> str:
    """The address in one entry of X-Forwarded-For: bare, or as ``ip:port``, ``[v6]`` or ``[v6]:port``."""
    found = HOP_WITH_PORT.fullmatch(hop)
    return str(ip_address((found[1] or found[2]) if found else hop))


def warn_of_unreadable(header: str | None) -> None:
    """Say so once a minute, of the whole deployment: every request may come with such a header."""
    if not cache.add("middleware:unreadable-x-forwarded-for", 1, timeout=60):
        return
    what = (
        "is missing"
        if header is None
        else f"has no address where TRUSTED_PROXIES points: {request_context.printable(header, 100)}"
    )
    logger.warning(
        "X-Forwarded-For %s. The client's address is unknown, and no limit by address applies to it",
        what,
    )


def request_id(meta: dict[str, Any]) -> str:
    """The proxy's id for this request, where there is a proxy to trust; else a new one."""
    given: str = meta.get("HTTP_X_REQUEST_ID", "") if settings.TRUSTED_PROXIES else ""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


find = lru_cache(maxsize=256)(
    resolve
)  # a few paths are asked for all the time, each behind a row of patterns


class ProgramMiddleware:
    """Answers what programs call at once. What browsers need comes nowhere near: no cookie of Django's, so no operator's session."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        subdomains = "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
        self.strict_transport = (
            f"max-age={settings.SECURE_HSTS_SECONDS}{subdomains}"
            if settings.SECURE_HSTS_SECONDS
            else ""
        )

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.API_PREFIXES):
            if request.path_info == settings.UPLOAD_PATH:
                return self.upload(request)
            parsers.check_length(request.META.get("CONTENT_LENGTH"))
            return self.get_response(request)
        request.resolver_match = found = find(request.path_info, settings.ROOT_URLCONF)
        response: Any = found.func(request, *found.args, **found.kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response.render()
        if response.status_code != 204:  # which has none (RFC 9110, 8.6)
            response.headers["Content-Length"] = str(len(response.content))
        response.headers["X-Content-Type-Options"] = "nosniff"
        if self.strict_transport and request.is_secure():  # and never without (RFC 6797, 7.2)
            response.headers["Strict-Transport-Security"] = self.strict_transport
        if request.method == "HEAD":
            response.content = b""
        return cast("HttpResponseBase", response)

    def upload(self, request: HttpRequest) -> HttpResponseBase:
        """The one page that takes a file; what is too large is not read, and its sender told on the same page."""
        try:
            parsers.check_length(request.META.get("CONTENT_LENGTH"), settings.LARGEST_UPLOAD)
        except RequestDataTooBig:
            return HttpResponseRedirect(f"{settings.UPLOAD_PATH}?too_large=yes")
        return self.get_response(request)


class LanguageMiddleware(LocaleMiddleware):
    """Answers people in the language that they read, and forgets it then: the thread's next request may be a program's."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response = super().process_response(request, response)
        translation.deactivate()
        return response
