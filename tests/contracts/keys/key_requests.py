"""Requests about API keys, and the patterns of their answers."""

import re
from datetime import UTC, datetime

import pytest

from apikeys.key_format import checksum
from tests.conftest import PASSWORD

PLAIN, ALONE = "/api/v1/auth/keys", "/c/camel/api/v1/auth/keys"
ME, VALIDATE = "/api/v1/auth/me", "/api/auth/validate"
KEY = re.compile(r"sk_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
each_mount = pytest.mark.parametrize("keys", [ALONE, PLAIN])
each_opening = pytest.mark.parametrize(
    "path", [ME, VALIDATE, "/c/form/api/v1/auth/me", "/c/envelope/api/auth/validate"]
)


def refusal(keys, text):
    """Return the body of an error: the same at both mounts, since one document has these paths."""
    return {"error": text}


def log_in(caller, username="alice"):
    return caller.json(
        "/c/camel/api/v1/auth/login", {"username": username, "password": PASSWORD}
    ).json()["token"]


def delete(caller, path, token=""):
    return caller.http.delete(path, headers={"Authorization": f"Bearer {token}"} if token else {})


def in_seconds(stamp):
    return datetime.fromisoformat(stamp).astimezone(UTC)


def forge(key_id, body):
    """Return a key that nobody made, whose checksum is right."""
    return f"sk_live_{key_id}_{body}{checksum(key_id + body)}"
