"""Deployment checks: manage.py check --deploy, and errors that stop a start."""

import pytest

from accounts.errors import UnknownAccount
from authsvc.contracts import bearer, camel, challenge, envelope, form
from tests.settings.conftest import PRODUCTION


def test_production_settings_pass_the_deployment_checks(run):
    checked = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (checked.returncode, checked.stdout + checked.stderr) == (
        0,
        "System check identified no issues (1 silenced).\n",
    )


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"REVEAL_UNKNOWN_USERS": "true"}, "authsvc.W001"),
        ({"PUBLIC_URL": "http://auth.example.com"}, "authsvc.W002"),
        ({"TRUSTED_PROXIES": "0"}, "authsvc.W004"),
        ({"DEBUG": "true"}, "security.W018"),
    ],
)
def test_the_deployment_checks_warn(checked, environment, complaint):
    assert complaint in checked(**PRODUCTION | environment)


@pytest.mark.parametrize("name", ["bearer", "camel", "challenge"])
def test_rotation_that_would_lock_clients_out_is_an_error(checked, name):
    variable = f"{name.upper()}_ROTATE_REFRESH_TOKENS"
    assert variable in checked(**PRODUCTION, **{variable: "true"})["authsvc.E001"]


def test_an_error_of_the_checks_stops_the_start(run):
    checked = run("manage.py", "check", CAMEL_ROTATE_REFRESH_TOKENS="true")
    assert checked.returncode != 0
    assert "authsvc.E001" in checked.stderr
    assert "CAMEL_ROTATE_REFRESH_TOKENS" in checked.stderr


def test_a_misspelled_variable_of_a_contract_is_warned_of(checked, monkeypatch, tmp_path):
    (tmp_path / "lifetime").write_text("1h")
    monkeypatch.setenv("BEARER_ACCESS_LIFETIME_FILE", str(tmp_path / "lifetime"))
    monkeypatch.setenv("FORM_SESSION_MAXIMUM", "30d")
    assert "authsvc.W008" not in checked(**PRODUCTION)
    monkeypatch.setenv("BEARER_ACESS_LIFETIME", "hunter2")
    said = checked(**PRODUCTION)["authsvc.W008"]
    assert said.startswith("BEARER_ACESS_LIFETIME is no setting")
    assert "hunter2" not in said


@pytest.mark.parametrize(("access", "warned"), [("30d", False), ("31d", True)])
def test_access_tokens_that_were_to_outlive_their_session_are_warned_of(checked, access, warned):
    said = checked(**PRODUCTION, CAMEL_ACCESS_LIFETIME=access).get("authsvc.W009", "")
    assert said.startswith("CAMEL_ACCESS_LIFETIME is longer than CAMEL_REFRESH_LIFETIME") == warned


def test_rotation_may_be_said_where_it_is_documented(checked):
    said = {"FORM_ROTATE_REFRESH_TOKENS": "true", "BEARER_ROTATE_REFRESH_TOKENS": "false"}
    assert checked(**PRODUCTION, **said) == {}


WORDS = """
import django; django.setup()
from accounts.errors import UnknownAccount as Unknown
from authsvc.contracts import bearer, camel, challenge, envelope, form
modules = bearer, camel, form, challenge, envelope
print([module.contract.error_response(Unknown()).text for module in modules])
"""
TOLD = [
    "Invalid credentials",
    "Invalid credentials",
    "Invalid credentials",
    "Incorrect username or password.",
    "Invalid username or password",
]


def test_unknown_names_are_told_only_where_the_operator_wants_it_and_the_document_lists_it(run):
    modules = bearer, camel, form, challenge, envelope
    assert [module.contract.error_response(UnknownAccount()).text for module in modules] == TOLD
    said = run("-c", WORDS, REVEAL_UNKNOWN_USERS="true")
    assert said.stdout == f"{[TOLD[0], 'User not found', *TOLD[2:]]}\n"
