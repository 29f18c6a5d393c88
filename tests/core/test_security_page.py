"""Each row of docs/security/ names tests that exist: one that was renamed or deleted fails here."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = "".join(page.read_text() for page in sorted((ROOT / "docs" / "security").glob("*.md")))
ROWS = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))
NAMED = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", PAGE)


def test_every_line_stands_there_once():
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == list(
        range(1, 123)
    )


def test_every_line_names_a_test_or_says_that_it_is_open():
    assert [
        number for number, row in ROWS.items() if "::test_" not in row and "**Open**" not in row
    ] == []


def test_every_test_that_is_named_exists():
    missing = [
        (file, name)
        for file, name in NAMED
        if not re.search(rf"^\s*def {name}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE)
    ]
    assert missing == []
