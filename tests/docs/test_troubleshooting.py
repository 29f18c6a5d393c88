"""What docs/troubleshooting.md quotes from the log and from standard error is what the code says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
OF_THE_SYSTEM = {"Address already in use"}
SOURCES = [
    *(ROOT / "gunicorn.conf.py", ROOT / "manage.py"),
    *(path for app in ("accounts", "apikeys", "authsvc") for path in (ROOT / app).rglob("*.py")),
]
pytestmark = pytest.mark.once


def constants(path):
    """The texts in a module, each as one, however it is broken into lines."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_every_quoted_line_is_one_of_ours():
    quoted = re.findall(r"^\| `([^`]* [^`]*)`", PAGE, re.MULTILINE)
    assert quoted
    said = "\n".join(text for path in SOURCES for text in constants(path))
    parts = {part.strip() for line in quoted for part in line.split("…") if part.strip()}
    assert sorted(part for part in parts - OF_THE_SYSTEM if part not in said) == []
