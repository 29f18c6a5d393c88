"""Health checks for load balancers.

A further check is a view here and a line in ``CHECKS``.
"""

from django.core.cache import caches
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from accounts.models import Session
from authsvc.cache import ResilientRedisCache


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Return 200 as long as the process answers; nothing is queried."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Return 200 if the database answers, else 503.

    A cache that is gone shows in the body alone: limits go on per process.
    """
    database, cached = _database_answers(), _cache_answers()
    status = "ok" if database and cached else "degraded" if database else "unavailable"
    body = {"status": status, "database": _word(database), "cache": _word(cached)}
    return JsonResponse(
        body, status=200 if database else 503, headers={"Cache-Control": "no-store"}
    )


def _database_answers() -> bool:
    """Return whether a query on sessions is answered, as every request makes one.

    While that table is locked, ``SELECT 1`` would be answered, and no request.
    """
    try:
        Session.objects.exists()
    except DatabaseError:
        return False
    return True


def _cache_answers() -> bool:
    backend = caches["default"]
    return backend.ping() if isinstance(backend, ResilientRedisCache) else True


def _word(answers: bool) -> str:
    return "ok" if answers else "unreachable"


# By path. Middleware takes them for requests of programs, which come past the proxy and so without
# an address of a client.
CHECKS = {"/healthz": healthz, "/readyz": readyz}


def urls() -> list[URLPattern]:
    return [path(each.removeprefix("/"), view) for each, view in CHECKS.items()]
