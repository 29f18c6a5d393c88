"""The smallest Django application: one view that answers {}, and no middleware."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

SECRET_KEY = "a key for the bench only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = __name__
MIDDLEWARE: list[str] = []


def nothing(request: HttpRequest) -> HttpResponse:
    """Return an empty object."""
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("", nothing)]
