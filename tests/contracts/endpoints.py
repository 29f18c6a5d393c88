"""Every endpoint of the five documents, on its own path and below its prefix, and the shape in which each refuses."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.conftest import PASSWORD


class Endpoint(NamedTuple):
    path: str
    shape: str  # whose words a refusal here is in
    good: dict[str, str]  # the fields of a request that is well-formed
    form: bool = False  # whether forms are taken
    json: bool = True  # whether JSON is taken


LOGIN = {"username": "alice", "password": PASSWORD}
CHALLENGE_REFRESH = {"username": "alice", "refresh_token": "x.y.z"}

LOGINS = [
    Endpoint("/api/v1/auth/login", "shared", LOGIN, form=True),
    Endpoint("/api/v1/auth/token", "oauth", LOGIN, form=True, json=False),
    Endpoint("/v1/login", "challenge", LOGIN, form=True),
    Endpoint("/api/auth/login", "envelope", LOGIN),
    Endpoint("/c/bearer/api/v1/auth/login", "bearer", LOGIN),
    Endpoint("/c/camel/api/v1/auth/login", "camel", LOGIN),
    Endpoint("/c/form/api/v1/auth/login", "form", LOGIN, form=True, json=False),
    Endpoint("/c/form/api/v1/auth/token", "oauth", LOGIN, form=True, json=False),
    Endpoint("/c/challenge/v1/login", "challenge", LOGIN, form=True),
    Endpoint("/c/envelope/api/auth/login", "envelope", LOGIN),
]
REFRESHES = [
    Endpoint("/api/v1/auth/refresh", "shared", {"refresh_token": "x.y.z"}),
    Endpoint("/api/v1/auth/refresh", "shared", {"refreshToken": "x.y.z"}),
    Endpoint("/api/v1/auth/refresh", "shared", {"token": "x.y.z"}),
    Endpoint("/v1/token-refresh", "challenge", CHALLENGE_REFRESH, form=True),
    Endpoint("/v1/token-revoke", "challenge", {"refresh_token": "x.y.z"}, form=True),
    Endpoint("/c/bearer/api/v1/auth/refresh", "bearer", {"refresh_token": "x.y.z"}),
    Endpoint("/c/camel/api/v1/auth/refresh", "camel", {"refreshToken": "x.y.z"}),
    Endpoint("/c/form/api/v1/auth/refresh", "form", {"token": "x.y.z"}),
    Endpoint("/c/challenge/v1/token-refresh", "challenge", CHALLENGE_REFRESH, form=True),
    Endpoint("/c/challenge/v1/token-revoke", "challenge", {"refresh_token": "x.y.z"}, form=True),
]
READING = [*LOGINS, *REFRESHES]  # those that read a body
LOGOUTS = [
    Endpoint("/api/v1/auth/logout", "shared", {}),
    Endpoint("/api/auth/logout", "envelope", {}),
    Endpoint("/c/bearer/api/v1/auth/logout", "bearer", {}),
    Endpoint("/c/camel/api/v1/auth/logout", "camel", {}),
    Endpoint("/c/form/api/v1/auth/logout", "form", {}),
    Endpoint("/c/envelope/api/auth/logout", "envelope", {}),
]
GETS = [
    Endpoint("/api/v1/auth/me", "form", {}),
    Endpoint("/api/auth/validate", "envelope", {}),
    Endpoint("/c/form/api/v1/auth/me", "form", {}),
    Endpoint("/c/envelope/api/auth/validate", "envelope", {}),
]
MOUNTS = {
    "/api/v1/auth": "shared",
    "/v1": "challenge",
    "/api/auth": "envelope",
    "/c/bearer/api/v1/auth": "bearer",
    "/c/camel/api/v1/auth": "camel",
    "/c/form/api/v1/auth": "form",
    "/c/challenge/v1": "challenge",
    "/c/envelope/api/auth": "envelope",
}
# RFC 6749, 5.2 and 4.1.2.1
OAUTH_CODES = {
    "invalid_request",
    "invalid_grant",
    "unsupported_grant_type",
    "temporarily_unavailable",
    "server_error",
}

Shape = Callable[[dict[str, Any], int], bool]
SHAPES: dict[str, Shape] = {
    "bearer": lambda body, status: body.keys() == {"detail"} and said(body["detail"]),
    "camel": lambda body, status: body.keys() == {"error"} and said(body["error"]),
    "form": lambda body, status: body.keys() == {"detail"} and said(body["detail"]),
    "shared": lambda body, status: (
        body.keys() == {"detail", "error"}
        and said(body["detail"])
        and body["detail"] == body["error"]
    ),
    "oauth": lambda body, status: (
        body.keys() == {"error", "error_description"}
        and body["error"] in OAUTH_CODES
        and said(body["error_description"])
    ),
    "challenge": lambda body, status: (
        body.keys() == {"message", "status"} and said(body["message"]) and body["status"] == status
    ),
    "envelope": lambda body, status: (
        body.keys() == {"success", "message"} and body["success"] is False and said(body["message"])
    ),
}


def each(endpoints: list[Endpoint]) -> Any:
    return pytest.mark.parametrize(
        "door", endpoints, ids=lambda door: "-".join([door.path, *door.good])
    )


def said(text: Any) -> bool:
    """A sentence for a person, and no page or traceback."""
    return (
        isinstance(text, str)
        and 0 < len(text) < 300
        and "<" not in text
        and "Traceback" not in text
    )


def problem(answer: Any, shape: str) -> str:
    """What is wrong with a refusal of this shape; empty for a 4xx in the contract's own words."""
    if not 400 <= answer.status_code < 500:
        return f"status {answer.status_code}: {answer.content[:80]!r}"
    return misshapen(answer, shape)


def misshapen(answer: Any, shape: str) -> str:
    """The same, of whatever status."""
    if answer.headers.get("Content-Type") != "application/json" or "Location" in answer.headers:
        return f"{answer.status_code} with headers {answer.headers}"
    if answer.status_code == 401 and answer.headers.get("WWW-Authenticate") != "Bearer":
        return "401 without WWW-Authenticate"
    body = json.loads(answer.content)
    return (
        ""
        if isinstance(body, dict) and SHAPES[shape](body, answer.status_code)
        else f"{answer.status_code} in another shape: {body!r:.200}"
    )
