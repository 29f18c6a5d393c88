"""Redirect of browsers to a login page, in place of a 401 that they could only show."""

import re
from typing import Any
from urllib.parse import quote

from django.conf import settings

RETURN_PARAMETER = "next"  # in the login page's query: the address that the browser asked for
MAX_ADDRESS_LENGTH = 2048
SAFE_METHODS = ("GET", "HEAD")  # a form that is sent again after the login would be empty

_host = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_path = r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*"
# No user name, backslash or letter of another alphabet, which browsers would read in their own way.
LOGIN = re.compile(rf"(https?://{_host})(?:{_path})?(\?(?:{_path[1:]}|[?])*)?", re.ASCII)
HOST = re.compile(_host, re.ASCII)
URI = re.compile(r"/[\x21-\x7e\x80-\xff]*")


def is_browser(meta: dict[str, Any]) -> bool:
    """Return whether somebody has opened a page, and is not sending a form or running a script."""
    method = _trusted(meta, "HTTP_X_FORWARDED_METHOD") or meta["REQUEST_METHOD"]
    return method in SAFE_METHODS and "text/html" in meta.get("HTTP_ACCEPT", "").lower()


def is_allowed(login: str) -> bool:
    """Return whether ``login`` is an address of one of CORS_ALLOWED_ORIGINS."""
    found = LOGIN.fullmatch(login)
    return bool(found) and found[1].lower() in settings.CORS_ALLOWED_ORIGINS  # type: ignore[index]


def location(login: str, meta: dict[str, Any], uri: str) -> str:
    """Return the login page's address, with the address that the browser asked for if known."""
    asked = original_address(meta, uri)
    if not asked:
        return login
    separator = "&" if "?" in login else "?"
    return f"{login}{separator}{RETURN_PARAMETER}={quote(asked.encode('latin-1'), safe='')}"


def original_address(meta: dict[str, Any], uri: str) -> str:
    """Return the address that the browser sent to the proxy; empty if no trusted proxy says it.

    ``uri`` is its path and query where X-Forwarded-Uri is missing.
    """
    scheme = _trusted(meta, "HTTP_X_FORWARDED_PROTO")
    host = _trusted(meta, "HTTP_X_FORWARDED_HOST") or _trusted(meta, "HTTP_HOST")
    path = _trusted(meta, "HTTP_X_FORWARDED_URI") or uri
    if scheme not in ("http", "https") or not HOST.fullmatch(host) or not URI.fullmatch(path):
        return ""
    address = f"{scheme}://{host}{path}"
    return address if len(address) <= MAX_ADDRESS_LENGTH else ""


def _trusted(meta: dict[str, Any], header: str) -> str:
    """Return a header that only a proxy's word makes true; empty without a trusted proxy."""
    return meta.get(header, "") if settings.TRUSTED_PROXIES else ""
