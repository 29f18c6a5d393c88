"""One function checks passwords, so no caller can forget a budget or the even work.

Callers are found in the code itself: a module that compares a password on its own fails here.
"""

import ast
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory

from accounts import passwords, sessions
from accounts.backends import AccountBackend
from accounts.errors import InvalidCredentials, TooManyAttempts
from authsvc.contracts import bearer
from tests.conftest import PASSWORD

PACKAGES = ("accounts", "apikeys", "authsvc")
NEW = "four small blue lamps"

# Every call by its last name, in the functions that may make it.
ALLOWED = {
    "uniform_timing.check": {
        "accounts/passwords.py:check_credentials",
        "accounts/models/user.py:check_password",  # Django's own forms call it
    },
    # Is the new password the temporary one? The challenge has proved that the user knows that.
    "user.check_password": {"accounts/passwords.py:replace_temporary"},
    "rate_limits.login_attempt": {
        "accounts/passwords.py:check_credentials",
        "authsvc/contracts/challenge.py:answer",  # a challenge, no password
        "authsvc/contracts/challenge.py:confirm",  # a code, no password
    },
}
HASHERS = {"check_password", "acheck_password", "verify_password", "get_hasher", "identify_hasher"}
DJANGOS_WAY_IN = {"authenticate", "aauthenticate"}


@cache
def modules() -> list[tuple[str, ast.Module]]:
    return [
        (path.relative_to(settings.BASE_DIR).as_posix(), ast.parse(path.read_text()))
        for package in PACKAGES
        for path in sorted((Path(settings.BASE_DIR) / package).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def callers(called: str) -> set[str]:
    """Return the functions that call ``called``, as ``path:function``."""
    found, name = set(), called.rpartition(".")[2]
    for place, module in modules():
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef):
                found |= {
                    f"{place}:{function.name}"
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == name
                    and ast.unparse(node.func) == called
                }
    return found


@pytest.mark.parametrize("called", ALLOWED)
def test_only_the_one_function_compares_a_password(called):
    assert callers(called) == ALLOWED[called]


def test_no_object_but_a_user_is_asked_for_a_password():
    asked = {
        ast.unparse(node.func)
        for _, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in HASHERS
    }
    assert asked <= {"user.check_password"}


def test_djangos_functions_that_compare_passwords_are_imported_by_hashing_alone():
    imported = {
        place
        for place, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("django.contrib.auth")
        and {alias.name for alias in node.names} & (HASHERS | DJANGOS_WAY_IN)
    }
    assert imported == {"accounts/hashing/uniform_timing.py"}


# Every caller spends the same budget


def log_in(alice):
    sessions.open_session(bearer.contract.policy, "alice", "wrong")


def authenticate(alice):
    passwords.authenticate("alice@example.com", "wrong")


def sign_in_to_the_admin(alice):
    """Django takes None for a refusal."""
    request = RequestFactory().post("/admin/login/")
    if AccountBackend().authenticate(request, "alice", "wrong") is None:
        raise InvalidCredentials


def change(alice):
    passwords.change(alice.pk, "wrong", NEW)


def change_signed_out(alice):
    passwords.change_with_password("alice", "wrong", NEW)


CALLERS = [log_in, authenticate, sign_in_to_the_admin, change, change_signed_out]


@pytest.mark.parametrize("caller", CALLERS)
def test_every_caller_spends_the_budget_of_the_account(alice, settings, caller):
    settings.LOGIN_RATE_PER_NAME = "2/5m"
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            caller(alice)
    for other in CALLERS:
        with pytest.raises(TooManyAttempts):
            other(alice)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_right_password_is_refused_once_a_caller_has_spent_the_budget(alice, settings, caller):
    settings.LOGIN_RATE_PER_NAME = "1/5m"
    with pytest.raises(InvalidCredentials):
        caller(alice)
    with pytest.raises(TooManyAttempts):
        passwords.authenticate("alice", PASSWORD)
