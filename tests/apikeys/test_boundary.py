"""accounts names nothing of apikeys, and no contract: neither by import nor by string."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import accounts
from accounts import policy
from apikeys import audit_codes, end_reasons, errors, mail_templates, models

FOLDER = Path(accounts.__file__).parent
SOURCES = sorted(
    path for path in FOLDER.rglob("*.py") if "migrations" not in path.relative_to(FOLDER).parts
)
CHOICES = (
    audit_codes.KeyEventKind,
    audit_codes.CredentialEventKind,
    audit_codes.KeyReason,
    audit_codes.CredentialReason,
    mail_templates.KeyTemplate,
)
CODES = {str(code) for choices in CHOICES for code in choices}
CLASSES = {
    name
    for module in (audit_codes, end_reasons, errors, mail_templates, models)
    for name, _ in inspect.getmembers(module, inspect.isclass)
    if getattr(module, name).__module__.startswith("apikeys")
}
PROSE = re.compile(r"\bapi.?keys?\b|\bapikeys", re.IGNORECASE)
# A form is any HTML form, too, and introspection is what Django's database connection does.
CONTRACTS = set(policy.registered_names()) - {"form", "introspection"}
OTHER_MEANINGS = {
    ("api/authentication.py", "bearer"),  # the authentication scheme of HTTP
    ("tokens.py", "challenge"),  # a type of token
    ("mail/templates.py", "new_network"),  # the mail about a login from a new network
}


def words(path):
    """Yield the identifiers, imported modules and strings of a module's code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            yield getattr(node, "module", None) or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_of_accounts_names_nothing_of_apikeys_and_no_contract(path):
    place = str(path.relative_to(FOLDER))
    named = {
        word for word in words(path) if word in CODES | CLASSES | CONTRACTS or PROSE.search(word)
    }
    assert {word for word in named if (place, word) not in OTHER_MEANINGS} == set()
