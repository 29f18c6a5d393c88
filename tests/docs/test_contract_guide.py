"""The contract that docs/contracts.md prints, and its test: printed as they are, and they run."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from authsvc.contracts import BUILT_IN
from tests.contracts.somewhere import legacy
from tests.contracts.somewhere.test_legacy import LegacyClient

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str) -> list[str]:
    """Return the Python on a page, in its order."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_guide_prints_both_files_as_they_are():
    """The page of the tests leaves out what our own test file has beside the client."""
    assert blocks("contracts.md")[0] == inspect.getsource(legacy)
    imports, printed, instance = blocks("contract-tests.md")[0].partition("class LegacyClient")
    rest = f"{inspect.getsource(LegacyClient)}\n\nclient = LegacyClient()\n"
    assert printed + instance == rest
    assert imports.startswith("from ")


def test_a_copy_of_the_guide_can_be_tested_as_the_guide_says(tmp_path):
    """It has the name of the sixth contract of the tests, and fixtures that they have already."""
    package = tmp_path / "somewhere"
    package.mkdir()
    client, fixtures = blocks("contract-tests.md")
    own = (
        "\n\ndef test_of_its_own(caller, alice):\n"
        "    assert client.log_in(caller).status_code == 200\n"
    )
    flush = (
        "\n\n@pytest.mark.django_db(transaction=True)\n"
        "def test_that_empties_the_tables(caller, alice):\n"
        "    assert client.log_in(caller).status_code == 200\n"
    )
    for name, text in {
        "__init__.py": "",
        "legacy.py": blocks("contracts.md")[0],
        "test_legacy.py": f"import pytest\n{client}{own}{flush}",
        "conftest.py": fixtures,
    }.items():
        (package / name).write_text(text)
    tests = "tests/contracts/test_every_contract.py::test_a_login_opens_a_session_of_its_contract"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, str(package)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tmp_path),
            "CONTRACTS": "somewhere.legacy:contract",
            "TEST_DATABASE": "sqlite",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    logins = 2 * len([*BUILT_IN, "legacy"])  # at its own paths, and below its prefix
    assert f"{logins + 2} passed" in ended.stdout
