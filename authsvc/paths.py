"""Request paths, read the same way by every layer, so that no check can be passed by."""

from typing import Any

from django.conf import settings


def with_one_slash(path: str) -> str:
    """Return the path with one slash at its start; a base URL that ends in a slash gives two."""
    return f"/{path.lstrip('/')}" if path.startswith("//") else path


def is_upload(environ: dict[str, Any]) -> bool:
    """Return whether a WSGI request is for the one page that takes a file."""
    return with_one_slash(environ["PATH_INFO"]) == str(settings.UPLOAD_PATH)
