"""Encoding and signing of tokens by hand, and the endpoints that are asked with them."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from jwt.algorithms import ECAlgorithm

from accounts import keyring
from tests.conftest import PASSWORD

BODY = {"username": "alice", "password": PASSWORD}
IDENTITIES = (
    "/api/v1/auth/me",
    "/c/form/api/v1/auth/me",
    "/api/auth/validate",
    "/c/envelope/api/auth/validate",
)
LOGOUTS = ("/api/v1/auth/logout", "/c/camel/api/v1/auth/logout", "/c/form/api/v1/auth/logout")
FORM_REFRESHES = ("/api/v1/auth/refresh", "/c/form/api/v1/auth/refresh")


def refreshed(caller, raw: str, holder: str) -> dict[str, int]:
    """Return the status of each endpoint that refreshes or revokes, for a refresh token."""
    return {
        "shared bearer": caller.json("/api/v1/auth/refresh", {"refresh_token": raw}).status_code,
        "shared camel": caller.json("/api/v1/auth/refresh", {"refreshToken": raw}).status_code,
        "shared form": caller.json("/api/v1/auth/refresh", {"token": raw}, holder).status_code,
        "bearer": caller.json("/c/bearer/api/v1/auth/refresh", {"refresh_token": raw}).status_code,
        "camel": caller.json("/c/camel/api/v1/auth/refresh", {"refreshToken": raw}).status_code,
        "form": caller.json("/c/form/api/v1/auth/refresh", {"token": raw}, holder).status_code,
        "challenge": caller.json(
            "/v1/token-refresh", {"username": "alice", "refresh_token": raw}
        ).status_code,
        "challenge alone": caller.json(
            "/c/challenge/v1/token-refresh", {"username": "alice", "refresh_token": raw}
        ).status_code,
        "revoke": caller.json("/v1/token-revoke", {"refresh_token": raw}).status_code,
    }


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: Any = None) -> str:
    """Return a token of this header and these claims, signed by ES256 with our key or another."""
    message = f"{encoded(header)}.{encoded(claims)}"
    key = key or keyring.current().private
    return f"{message}.{encoded(ECAlgorithm(ECAlgorithm.SHA256).sign(message.encode(), key))}"


def our_header(**more: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "JWT", "kid": keyring.current().kid, **more}
