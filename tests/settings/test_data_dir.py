"""Files and folders that a start makes or finds: secrets, mails and the database."""

import pytest

from tests.settings.conftest import PRODUCTION


@pytest.mark.parametrize("content", [None, b"\xff"], ids=["a folder", "no text"])
def test_a_local_secret_that_cannot_be_read_stops_the_start(refused, tmp_path, content):
    secret = tmp_path / "secret_key"
    secret.write_bytes(content) if content else secret.mkdir()
    assert refused().startswith("SECRET_KEY must ")


def test_only_the_owner_reads_files_under_data_dir(read, tmp_path):
    made = tmp_path / "new" / "data"
    read(DATA_DIR=str(made))
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "secret_key").stat().st_mode & 0o777 == 0o600


def modes(folder):
    """The permissions of all that a folder holds, without those of its owner."""
    return {path.name: path.stat().st_mode & 0o077 for path in folder.rglob("*")}


SEND = """
import os
from django.core.mail import send_mail
from django.core.management import call_command
send_mail("Reset", "https://auth.example.com/reset/secret", None, ["alice@example.com"])
call_command("migrate", "contenttypes", verbosity=0)
print(oct(os.stat(os.environ["DATA_DIR"] + "/db.sqlite3-wal").st_mode))
"""


def test_only_the_owner_reads_files_in_a_folder_that_all_may_read(run, tmp_path):
    """Olga made it herself, with the usual umask."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    olga = {"DATA_DIR": str(tmp_path / "data")}
    assert run("manage.py", "shell", "-v", "0", "-c", SEND, **olga).stdout == "0o100600\n"
    made = modes(tmp_path / "data")
    assert {"db.sqlite3", "secret_key", "mail"} <= made.keys()
    assert [name for name, mode in made.items() if mode and not name.endswith(".log")] == []
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755


def test_a_folder_of_mails_from_before_is_closed_and_a_database_left_as_it_is(read, tmp_path):
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail").chmod(0o755)
    (tmp_path / "db.sqlite3").touch(0o640)
    read()
    assert modes(tmp_path) == {"mail": 0, "db.sqlite3": 0o040, "secret_key": 0}


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o755, True), (0o750, True), (0o701, True), (0o700, False)], ids=oct
)
def test_the_deployment_checks_warn_of_data_that_others_may_open(checked, tmp_path, mode, warned):
    tmp_path.chmod(mode)
    assert list(checked(**PRODUCTION)) == ["authsvc.W005"] * warned


def test_nothing_has_to_be_set_on_a_laptop(run, read, tmp_path):
    assert run("manage.py", "check").returncode == 0
    secret = tmp_path / "secret_key"
    assert len(secret.read_text()) >= 32
    assert secret.stat().st_mode & 0o077 == 0
    kept = secret.read_text()
    assert read()["SECRET_KEY"] == secret.read_text() == kept
