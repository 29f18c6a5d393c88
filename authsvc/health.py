"""Whether the process lives, whether it can do its work, and which keys verify its tokens."""

from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts import keyring
from accounts.models import Session
from authsvc.cache import ResilientRedisCache


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all. Touches nothing."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database answers, else 503. A cache that is gone is said, but turns nobody away: limits go on per process."""
    database, cached = _database_answers(), _cache_answers()
    status = "ok" if database and cached else "degraded" if database else "unavailable"
    body = {"status": status, "database": _word(database), "cache": _word(cached)}
    return JsonResponse(
        body, status=200 if database else 503, headers={"Cache-Control": "no-store"}
    )


@require_safe
def jwks(request: HttpRequest) -> JsonResponse:
    """The public keys as a JSON Web Key Set (RFC 7517), for scripts of any origin."""
    headers = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
    return JsonResponse(keyring.jwks(), headers=headers, content_type="application/jwk-set+json")


def _database_answers() -> bool:
    """Asked about sessions, as by every request: while that table is locked, ``SELECT 1`` would be answered and no client."""
    try:
        Session.objects.exists()
    except DatabaseError:
        return False
    return True


def _cache_answers() -> bool:
    return cache.ping() if isinstance(cache._connections["default"], ResilientRedisCache) else True  # type: ignore[attr-defined]


def _word(answers: bool) -> str:
    return "ok" if answers else "unreachable"
