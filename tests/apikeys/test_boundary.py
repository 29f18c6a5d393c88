"""accounts names nothing of apikeys, and no contract: by no import, string or template."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from django.conf import settings

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
TEMPLATES = Path(settings.BASE_DIR, "templates")
# A mail's template is found by its stored code, so those about keys are beside the others.
PAGES = sorted(
    path
    for path in (*TEMPLATES.rglob("*.*"), *FOLDER.glob("static/**/*.*"))
    if "apikeys" not in path.parts and not (path.parent.name == "emails" and "key" in path.name)
)
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


def test_no_template_or_static_file_of_accounts_names_keys():
    assert len(PAGES) > 50
    assert [str(path) for path in PAGES if PROSE.search(path.read_text())] == []
