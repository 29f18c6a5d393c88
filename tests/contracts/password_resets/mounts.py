"""The paths of each document's password resets, and how they refuse."""

import pytest

NEW = "eine Zeile, die keiner kennt"
BEARER, FORM, CHALLENGE = "/c/bearer/api/v1/auth", "/c/form/api/v1/auth", "/c/challenge/v1"
SHARED, PLAIN = "/api/v1/auth", "/v1"
bearers = pytest.mark.parametrize("mount", [BEARER, SHARED])
forms = pytest.mark.parametrize("mount", [FORM, SHARED])
challenges = pytest.mark.parametrize("mount", [CHALLENGE, PLAIN])
WEAK = [
    ("short", "This password is too short. It must contain at least 8 characters."),
    ("password1", "This password is too common."),
    ("alice1234", "The password is too similar to the username."),
]


def told(answer):
    return answer.status_code, answer.json()


def detail(mount, text):
    """Return an error of a path that is bearer's or form's alone, wherever it is mounted."""
    return {"detail": text}
