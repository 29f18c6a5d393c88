"""Every path of the deployment."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.generic import RedirectView

from authsvc import contracts, health

urlpatterns = [
    path("", include(contracts.urlpatterns)),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path(".well-known/jwks.json", health.jwks),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(url="/admin/")),
]


def _answer(status: int, text: str) -> Any:
    """A refusal of what reached no viewset: short, and never HTML, since a client may be reading."""

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        return JsonResponse({"detail": text}, status=status)

    return handler


handler400 = _answer(400, "Bad request")
handler403 = _answer(403, "Forbidden")
handler404 = _answer(404, "Not found")
handler500 = _answer(500, "Internal server error")
