"""Logins of document 002, and the bodies that it prints."""

import pytest

from tests.conftest import PASSWORD

ALONE, SHARED = "/c/form/api/v1/auth", "/api/v1/auth"
both = pytest.mark.parametrize("mount", [ALONE, SHARED])
WEEK, YEAR = 604_800, 31_536_000


def log_in(caller, mount=ALONE, username="john"):
    return caller.form(
        f"{mount}/login", f"username={username}&password={PASSWORD.replace(' ', '+')}"
    )


def pair_of(body, week=WEEK, year=YEAR):
    """Return the documented body, with the tokens of ``body``."""
    return {
        "username": "john",
        "access_token": {
            "token": body["access_token"]["token"],
            "expires_in": week,
            "token_type": "bearer",
        },
        "refresh_token": {
            "token": body["refresh_token"]["token"],
            "expires_in": year,
            "token_type": "bearer",
        },
    }


def attributes(cookie):
    return {name: value for name, value in cookie.items() if value and name != "expires"}
