"""Every page of the documents is short, begins with contents, and links to what exists."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
MAX_LINES = 200
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
each_document = pytest.mark.parametrize(
    "page", PAGES[2:], ids=lambda page: str(page.relative_to(ROOT))
)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    texts = (re.sub(r"[`*]", "", heading).lower() for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


@each_document
def test_a_page_has_at_most_200_lines(page):
    assert len(page.read_text().splitlines()) <= MAX_LINES


@each_page
def test_every_link_leads_somewhere(page):
    broken = []
    for link in LINK.findall(prose(page)):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@each_document
def test_a_page_begins_with_its_title_and_contents(page):
    text = prose(page)
    assert text.startswith("# ")
    head, _, _ = text.partition("\n## ")
    sections = re.findall(r"^## .+$", text, re.MULTILINE)
    assert "Contents" in head
    assert len(re.findall(r"\]\(#", head)) == len(sections)


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(prose(page)))
        waiting += [(page.parent / link).resolve() for link in links if link and ":" not in link]
    assert [page for page in PAGES if page not in reached] == []


@each_document
def test_every_command_on_a_page_exists(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))
    assert sorted(named - get_commands().keys() - {"help"}) == []
