"""Request paths, read the same way by every layer, so that no check can be passed by."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings

FORWARD_AUTH = "/auth/forward"

# What programs call; everything else is for browsers. Contracts and health checks are added when
# Django starts.
_api_prefixes = {
    *("/c/", "/introspect", "/oauth2/", "/statuslists", "/.well-known/", "/openapi.json"),
    FORWARD_AUTH,
}


def add_api_prefixes(prefixes: Iterable[str]) -> None:
    _api_prefixes.update(prefixes)


def is_for_programs(path: str) -> bool:
    """Return whether a path is one that programs call, as opposed to browsers."""
    return path.startswith(tuple(_api_prefixes))


def with_one_slash(path: str) -> str:
    """Return the path with one slash at its start; a base URL that ends in a slash gives two."""
    return f"/{path.lstrip('/')}" if path.startswith("//") else path


def is_forward_auth(path: str) -> bool:
    """Return whether a path is that of forward authentication, or below it."""
    path = with_one_slash(path)
    return path.startswith(FORWARD_AUTH) and path[len(FORWARD_AUTH) :][:1] in ("", "/")


def is_upload(environ: dict[str, Any]) -> bool:
    """Return whether a WSGI request is for the one page that takes a file."""
    return with_one_slash(environ["PATH_INFO"]) == str(settings.UPLOAD_PATH)
