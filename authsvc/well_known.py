"""Documents below ``/.well-known/`` (RFC 8615): public keys, metadata, and where to turn to.

All are public. Scripts of any origin may read the keys and the metadata.
"""

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from accounts import keyring
from authsvc import security_txt
from authsvc.contracts import introspection, registry, revocation

MAX_AGE = timedelta(minutes=5)  # of documents that change with the settings alone
METADATA = "oauth-authorization-server"
AUTH_METHODS = ("client_secret_basic", "client_secret_post")  # of our OAuth 2.0 clients


@require_safe
def jwks(request: HttpRequest) -> HttpResponseBase:
    """Return the public keys as a JSON Web Key Set (RFC 7517), for scripts of any origin."""
    return _for_scripts(
        _json(request, keyring.jwks(), "application/jwk-set+json", keyring.JWKS_MAX_AGE)
    )


@require_safe
def metadata(request: HttpRequest) -> HttpResponseBase:
    """Return the metadata of the authorization server (RFC 8414), for scripts of any origin."""
    return _for_scripts(_json(request, _metadata(), "application/json", MAX_AGE))


@require_safe
def change_password(request: HttpRequest) -> HttpResponse:
    """Lead password managers to the page that changes a password (W3C, change-password URLs)."""
    return HttpResponseRedirect(f"{settings.PUBLIC_URL}{reverse('change-password')}")


@require_safe
def security(request: HttpRequest) -> HttpResponseBase:
    """Return security.txt (RFC 9116), or 404 where SECURITY_CONTACT is not set."""
    if settings.SECURITY_TXT is None:
        raise Http404
    return _document(request, settings.SECURITY_TXT.text, "text/plain; charset=utf-8", MAX_AGE)


def _metadata() -> dict[str, Any]:
    """Return the metadata, with a member for each endpoint that exists.

    No endpoint is one for authorization, so there are no response types. Both lists are sent even
    if they are empty: RFC 8414, 2, requires that of response types, and says that a server
    without a list of grant types supports two that do not exist here.
    """
    endpoint = token_endpoint()
    granting = {"token_endpoint": endpoint, "token_endpoint_auth_methods_supported": ["none"]}
    return {
        "issuer": settings.PUBLIC_URL,
        "jwks_uri": f"{settings.PUBLIC_URL}/.well-known/jwks.json",
        **(granting if endpoint else {}),
        "grant_types_supported": ["password"] if endpoint else [],
        "response_types_supported": [],
        "introspection_endpoint": f"{settings.PUBLIC_URL}/{introspection.PATH}",
        # Names of client authentication, and Bearer as a type of token: RFC 8414 takes both here.
        "introspection_endpoint_auth_methods_supported": [*AUTH_METHODS, "Bearer"],
        "revocation_endpoint": f"{settings.PUBLIC_URL}/{revocation.PATH}",
        "revocation_endpoint_auth_methods_supported": [*AUTH_METHODS],
        "service_documentation": f"{settings.PUBLIC_URL}{reverse('docs')}",
    }


def token_endpoint() -> str:
    """Return the URL of the password grant; empty if no contract with one is switched on."""
    contract = registry.with_password_grant()
    return f"{settings.PUBLIC_URL}/{contract.mount}/{contract.token_endpoint}" if contract else ""


def _json(
    request: HttpRequest, value: Any, content_type: str, max_age: timedelta
) -> HttpResponseBase:
    return _document(request, json.dumps(value), content_type, max_age)


def _document(
    request: HttpRequest, text: str, content_type: str, max_age: timedelta
) -> HttpResponseBase:
    """Return a public document, or 304 to a client whose copy is still right (RFC 9110, 13.1.2)."""
    etag = f'"{sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"Cache-Control": f"public, max-age={int(max_age.total_seconds())}", "ETag": etag}
    whole = HttpResponse(text, content_type=content_type, headers=headers)
    return get_conditional_response(request, etag=etag, response=whole) or whole


def _for_scripts(response: HttpResponseBase) -> HttpResponseBase:
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def urls() -> list[URLPattern]:
    """Return the paths below ``/.well-known/``.

    The metadata of an issuer with a path have it behind their own name (RFC 8414, 3.1).
    """
    issuer_path = urlsplit(settings.PUBLIC_URL).path.strip("/")
    places = [METADATA, *([f"{METADATA}/{issuer_path}"] if issuer_path else [])]
    return [
        path("jwks.json", jwks, name="jwks"),
        *(path(place, metadata) for place in places),
        path("change-password", change_password),
        path(security_txt.PATH.removeprefix(".well-known/"), security),
    ]
