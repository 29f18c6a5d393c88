"""Quotations on the pages, from the log, standard error and the admin, are the code's own."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "apikeys", "authsvc")
OF_OTHERS = {"Address already in use", "Add user", "1,000+"}  # of the system, of Django, a number


def constants(path):
    """The texts in a module, each as one, however it is broken into lines."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.fixture(scope="module")
def said():
    """Every text of the code, one in each line."""
    sources = [ROOT / "gunicorn.conf.py", ROOT / "manage.py"]
    sources += [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    return "\n".join(text for path in sources for text in constants(path))


def page(name):
    return (ROOT / "docs" / name).read_text()


def test_every_quoted_line_of_the_log_is_one_of_ours(said):
    quoted = re.findall(r"^\| `([^`]* [^`]*)`", page("troubleshooting.md"), re.MULTILINE)
    assert quoted
    parts = {part.strip() for line in quoted for part in line.split("…") if part.strip()}
    assert sorted(part for part in parts - OF_OTHERS if part not in said) == []


def test_every_action_has_the_label_that_the_page_gives_it(said):
    _, _, table = page("admin.md").partition("| action | does |\n|---|---|\n")
    rows, _, _ = table.partition("\n\n")
    labels = {label for row in rows.splitlines() for label in [row.split("|")[1].strip(" •")]}
    assert labels
    labels |= {" ".join(label.split()) for label in re.findall(r"“([^”]+)”", page("admin.md"))}
    assert sorted(labels - OF_OTHERS - set(said.splitlines())) == []
