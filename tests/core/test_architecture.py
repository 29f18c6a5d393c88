"""The layout keeps its rules: small modules, short functions, imports one way, a true map.

docs/architecture.md says the rules; these tests read the source as text and run none of it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = ("accounts", "apikeys", "authsvc")
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MEDIAN_FUNCTION_LINES = 6
P90_FUNCTION_LINES = 17
NEVER_IMPORTED_BY = {"accounts": ("apikeys", "authsvc"), "apikeys": ("authsvc",), "authsvc": ()}
WH_WORDS = re.compile(r"(what|who|whom|whose|where|when|which|why|how)\b", re.IGNORECASE)
WH_NAMES = re.compile(r"test_(wh(at|o|om|ose|ere|en|ich|y)|how)(ever)?_")


def modules(*folders: str) -> list[Path]:
    """Return the paths of all modules below some folders, except those without a line."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in paths if path.read_text().strip())


WITH_MIGRATIONS = modules(*APPS)
MODULES = [path for path in WITH_MIGRATIONS if "migrations" not in path.parts]
TESTS_AND_BENCH = modules("tests", "bench")
# Migrations are frozen: a long one stays long.
SHORT = [*MODULES, *TESTS_AND_BENCH]
DESCRIBED = [*WITH_MIGRATIONS, *TESTS_AND_BENCH]
Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def definitions(path: Path) -> Iterator[Definition]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Definition):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines from ``def`` to the end, without those of the docstring."""
    total = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return total
    docstring = function.body[0]
    return total - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def function_lengths(paths: list[Path]) -> list[tuple[int, str]]:
    return sorted(
        (lines_of(node), f"{relative(path)}:{node.lineno} {node.name}")
        for path in paths
        for node in definitions(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_a_module_has_at_most_300_lines():
    lengths = {relative(path): path.read_text().count("\n") for path in SHORT}
    assert {path for path, length in lengths.items() if length > MAX_MODULE_LINES} == set()


@pytest.mark.parametrize("paths", [MODULES, TESTS_AND_BENCH], ids=["apps", "tests and bench"])
def test_functions_are_short(paths):
    functions = function_lengths(paths)
    lengths = [length for length, _ in functions]
    assert functions[-1][0] <= MAX_FUNCTION_LINES, functions[-3:]
    assert lengths[len(lengths) // 2] <= MEDIAN_FUNCTION_LINES
    assert lengths[len(lengths) * 9 // 10] <= P90_FUNCTION_LINES


def test_a_docstring_begins_with_what_the_thing_is_or_does():
    docstrings = [
        (relative(path), ast.get_docstring(node) or "")
        for path in DESCRIBED
        for node in definitions(path)
    ]
    assert len(docstrings) > 4000
    assert [(path, text) for path, text in docstrings if WH_WORDS.match(text)] == []


def test_the_name_of_a_test_is_no_wh_clause():
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    names = {
        f"{relative(path)}::{node.name}"
        for path in tests
        for node in definitions(path)
        if isinstance(node, ast.FunctionDef)
    } | {relative(path) for path in tests}
    assert len(names) > 1000
    assert {name for name in names if WH_NAMES.match(re.split("::|/", name)[-1])} == set()


def imports(path: Path) -> set[str]:
    """Return the dotted names of the modules that a module imports, absolutely."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    whole = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return whole | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_imports_run_one_way():
    against = {
        (relative(path), name)
        for path in MODULES
        for name in imports(path)
        if name.split(".")[0] in NEVER_IMPORTED_BY[path.relative_to(ROOT).parts[0]]
    }
    assert against == set()


def is_core(path: Path) -> bool:
    folders = path.relative_to(ROOT).parts[1:-1]
    callers = {"api", "admin", "pages", "templatetags", "management"}
    return path.is_relative_to(ROOT / "accounts") and callers.isdisjoint(folders)


def test_the_core_imports_no_rest_framework():
    imported = {
        (relative(path), name) for path in MODULES if is_core(path) for name in imports(path)
    }
    assert ("accounts/tokens.py", "rest_framework_simplejwt.tokens") in imported
    assert {name for name in imported if name[1].split(".")[0] == "rest_framework"} == set()


def test_the_map_names_every_module_that_there_is():
    """docs/architecture.md names a module as ``package/name`` below a heading of its folder."""
    text = (ROOT / "docs/architecture.md").read_text()
    assert [relative(path) for path in MODULES if not named(path, text)] == []


def named(path: Path, text: str) -> bool:
    if path.name == "__init__.py":
        return f"`{relative(path.parent)}/`" in text
    folder = re.split(rf"^\W*`{re.escape(relative(path.parent))}/`", text, flags=re.MULTILINE)
    return len(folder) > 1 and f"`{path.stem}`" in folder[1].split("\n\n")[0]
