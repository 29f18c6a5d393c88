"""Security schemes of a document: an access token, the password flow that gets one, an API key."""

from collections.abc import Iterable
from typing import Any

from rest_framework.authentication import BaseAuthentication

from accounts.api.authentication import SessionTokenAuthentication
from apikeys.authentication import KeyAuthentication
from apikeys.client_authentication import ClientAuthentication
from authsvc.contracts import registry

LOGIN, TOKEN = "Login", "BearerToken"
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token of any contract, from a login.",
}
API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "X-API-Key",
    "description": "An API key; it may also be sent as a bearer token.",
}
BASIC = {
    "type": "http",
    "scheme": "basic",
    "description": "The id of an API key, `key_…`, or nothing, and the key as password.",
}


def token_url() -> str:
    """Return the path of an operation of OAuth 2.0's password grant, if one is served, or nothing.

    Its access token is good in every contract.
    """
    contract = registry.with_password_grant()
    return f"/c/{contract.name}/{contract.mount}/{contract.token_endpoint}" if contract else ""


def schemes_of(
    authentication_classes: Iterable[type[BaseAuthentication]], *, token: bool
) -> dict[str, dict[str, Any]]:
    """Return the schemes of authentication classes, by name; ``token`` adds those of a token.

    A class that is not ours may have its own, as ``openapi_schemes``.
    """
    found: dict[str, dict[str, Any]] = _of_tokens() if token else {}
    for each in sorted(authentication_classes, key=lambda cls: issubclass(cls, KeyAuthentication)):
        if issubclass(each, KeyAuthentication):
            found |= {"APIKey": API_KEY}
            found |= {"ClientSecret": BASIC} if issubclass(each, ClientAuthentication) else {}
        elif issubclass(each, SessionTokenAuthentication):
            found |= _of_tokens()
        else:
            found |= getattr(each, "openapi_schemes", {})
    return found


def _of_tokens() -> dict[str, dict[str, Any]]:
    """Return the schemes by which an access token is sent; the first also logs in."""
    url = token_url()
    log_in = {
        "type": "oauth2",
        "description": "Logs in at this service; a client id and a client secret are not needed.",
        "flows": {"password": {"tokenUrl": url, "scopes": {}}},
    }
    return ({LOGIN: log_in} if url else {}) | {TOKEN: BEARER}


def put_login_first(components: dict[str, Any]) -> None:
    """Show what logs in before what takes a token that one has: they are sorted by name."""
    if schemes := components.get("securitySchemes"):
        first = {name: schemes[name] for name in (LOGIN, TOKEN) if name in schemes}
        components["securitySchemes"] = first | schemes
