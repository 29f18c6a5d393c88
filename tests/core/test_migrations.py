"""Migrations import no code that changes: they do tomorrow what they did at first."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.own_sql

ROOT = Path(__file__).parents[2]
# Classes that columns are made of, operations, and what the first release named.
ALLOWED = {"accounts.identifiers", "accounts.db.index_operations"}
NAMED_BY_THE_FIRST_RELEASE = {
    "accounts/migrations/0001_initial.py": {"accounts.models"},
    "accounts/migrations/0006_imports.py": {"accounts.models.pending_import"},
}
MIGRATIONS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/migrations/[0-9]*.py"))


def imported(path: str) -> set[str]:
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name for name in names if name.partition(".")[0] in ("accounts", "apikeys", "authsvc")}


@pytest.mark.parametrize("path", MIGRATIONS)
def test_a_migration_imports_no_living_code(path):
    assert imported(path) <= ALLOWED | NAMED_BY_THE_FIRST_RELEASE.get(path, set())
