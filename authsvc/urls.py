"""Every path of the deployment, and the answers to requests that reach no view."""

import sys
from collections.abc import Callable

from django.contrib import admin
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.views.generic import RedirectView

from accounts.errors import HashingOverloaded
from accounts.pages import misrouted
from accounts.pages.views import keep_private
from authsvc import health, status_lists, well_known
from authsvc.contracts import introspection, reachability, registry, revocation
from authsvc.contracts import urls as contracts
from authsvc.forward_auth.views import forward_auth
from authsvc.openapi import urls as openapi
from authsvc.paths import FORWARD_AUTH, is_for_programs

_others: list[URLResolver | URLPattern] = [
    path("", include([*introspection.urls(), *revocation.urls()])),
    path("", include(health.urls())),
    path(".well-known/", include(well_known.urls())),
    path("", include(status_lists.urls())),
    path("", include(openapi.urls())),
    path("", include("accounts.pages.urls")),
    path("", include("apikeys.pages.urls")),
    path("admin/password_change/", RedirectView.as_view(pattern_name="change-password")),
    path(
        "admin/password_reset/",
        RedirectView.as_view(pattern_name="forgot"),
        name="admin_password_reset",
    ),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/")),
]
contracts.check_collisions(registry.registered(), _others)
# APIMiddleware resolves every path below it to this one.
_forward_auth = path(FORWARD_AUTH.removeprefix("/"), forward_auth)
urlpatterns = [
    _forward_auth,
    *openapi.of_contracts(),
    path("", include(contracts.urlpatterns)),
    *_others,
]
reachability.check([_forward_auth, *contracts.urlpatterns])


def _answer(status: int, text: str, page: str = "") -> Callable[..., HttpResponse]:
    """Return a handler of such requests: a page for browsers, and short JSON for programs."""

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if _reads_html(request):
            context = {"in_admin": request.path_info.startswith(reverse("admin:index"))}
            return keep_private(render(request, page or f"{status}.html", context, status=status))
        return JsonResponse({"detail": text}, status=status)

    return handler


def _reads_html(request: HttpRequest) -> bool:
    """Return whether a browser is asking: it wants HTML, and a program JSON or anything."""
    wanted = request.get_preferred_type(["application/json", "text/html"])
    return wanted == "text/html" and not is_for_programs(request.path_info)


_unreadable, _broken = _answer(400, "Bad request"), _answer(500, "Internal server error")
_elsewhere = _answer(400, "This service does not answer for this Host", "host.html")
_unavailable, _busy = (
    _answer(503, "Service temporarily unavailable", page) for page in ("503.html", "busy.html")
)
handler403 = _answer(403, "Forbidden")
handler404 = _answer(404, "Not found")


def handler400(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that cannot be read.

    A browser whose session was ended while it was asking has sent nothing wrong: it signs in anew.
    """
    if isinstance(exception, SessionInterrupted) and _reads_html(request):
        return redirect("admin:login")
    if isinstance(exception, DisallowedHost):
        misrouted.foreign_host(request)
        return _elsewhere(request)
    return _unreadable(request)


def handler500(request: HttpRequest) -> HttpResponse:
    """Answer an exception that no view has handled, which ``sys.exception`` has.

    A database that does not answer and a full queue of password hashes are 503: they will be back.
    """
    error = sys.exception()
    if not isinstance(error, OperationalError | InterfaceError | HashingOverloaded):
        return _broken(request)
    response = (_busy if isinstance(error, HashingOverloaded) else _unavailable)(request)
    response.headers["Retry-After"] = "1"
    return response
