"""docs/settings.md names every setting that the service reads, and no other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()
PRODUCTION = {
    "DATABASE_URL": "postgres://authsvc@localhost/authsvc",
    "SECRET_KEY": "a key of thirty-two letters and more",
}
# django-environ looks for NAME_FILE before NAME, and nothing else looks for such names.
RECORD = """
import os

class Recorder(dict):
    def get(self, name, default=None):
        looked_for.add(name)
        return super().get(name, default)

looked_for, os.environ = set(), Recorder(os.environ)
import django
django.setup()
import authsvc.urls
print(*(name.removesuffix("_FILE") for name in looked_for if name.endswith("_FILE")))
"""


@pytest.fixture(scope="module")
def names_read(tmp_path_factory):
    """The settings that a start looks for in the environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        **PRODUCTION,
    }
    started = subprocess.run(
        [sys.executable, "-c", RECORD],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    gunicorn = (ROOT / "gunicorn.conf.py").read_text()
    return {*started.stdout.split(), *re.findall(r"environ\.get\([\"']([A-Z_]+)", gunicorn)}


def named(text):
    """The settings that the rows of tables name in their first column."""
    cells = re.findall(r"^\| (`[A-Z].*?) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", cell)]


def test_every_setting_is_on_the_page_and_no_other(names_read):
    _, _, groups = PAGE.partition("\n## Where and what\n")
    assert sorted(named(groups)) == sorted(names_read)


def test_settings_that_production_requires_are_marked_in_their_group_too():
    required, _, groups = PAGE.partition("\n## Where and what\n")
    _, _, required = required.partition("\n## Required in production\n")
    marked = [row for row in groups.splitlines() if "**required in production" in row]
    mail = {"EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD"}  # where the mail server asks for them
    assert sorted(named("\n".join(marked))) == sorted(set(named(required)) - mail)
