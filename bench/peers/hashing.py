"""The smallest login: the empty view, which verifies the password first, without an account."""

from argon2 import PasswordHasher
from django.http import HttpRequest, HttpResponse
from django.urls import path

from bench.accounts import ENCODED, PASSWORD

SECRET_KEY = "a key for the bench only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = __name__
MIDDLEWARE: list[str] = []
hasher, encoded = PasswordHasher(), ENCODED.removeprefix("argon2")


def verify(request: HttpRequest) -> HttpResponse:
    """Verify the password, and return an empty object."""
    hasher.verify(encoded, PASSWORD)
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("", verify)]
