"""Commands that the database refuses: they end with one sentence and without a traceback."""

import os
import secrets
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.faults.databases import database
from tests.faults.processes import PROJECT
from tests.faults.servers import Server


def refused(address: str, *command: str) -> str:
    """Return the output of a command that must fail: one line, without the password."""
    place = Server(address, WEB_CONCURRENCY="1")
    arguments = [sys.executable, "manage.py", *command]
    done = subprocess.run(
        arguments, cwd=PROJECT, env=place.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    (line,) = (done.stdout + done.stderr).splitlines()
    return line


@pytest.mark.parametrize(
    ("command", "host", "cause"),
    [
        ("setup", "127.0.0.1:1", "Connection refused"),
        ("serve", "nowhere.invalid", "failed to resolve host"),
        ("prune", "127.0.0.1:1", "Connection refused"),
    ],
)
def test_a_database_that_is_not_there(command, host, cause):
    said = refused(f"postgres://authsvc:hunter2@{host}/authsvc", command)
    assert "the database that DATABASE_URL names does not serve" in said
    assert cause in said


@pytest.mark.database_fault
def test_tables_that_are_missing():
    with database() as address:
        assert "tables are missing, or of an earlier version: run manage.py setup first" in refused(
            address, "prune"
        )


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "db").write_text("four small green lamps " * 100)
    assert "does not serve: file is not a database." in refused(f"sqlite:///{tmp_path}/db", "setup")


@pytest.fixture
def web(tables):
    """Return the URL of a role that may log in, and the owner of the tables."""
    role = f"web_{secrets.token_hex(4)}"
    with (
        database(copy_of=tables) as address,
        closing(psycopg.connect(address, autocommit=True)) as connection,
    ):
        connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(role)))
        parts = urlsplit(address)
        with Server(address) as owner:
            yield (
                parts._replace(netloc=f"{role}:hunter2@{parts.netloc.rpartition('@')[2]}").geturl(),
                owner,
                role,
            )
        connection.execute(SQL("DROP OWNED BY {}").format(Identifier(role)))
        connection.execute(SQL("DROP ROLE {}").format(Identifier(role)))


@pytest.mark.postgresql
def test_a_role_without_rights(web):
    address, owner, role = web
    for command in ("serve", "prune"):  # serve runs setup
        said = refused(address, command)
        assert "the role of DATABASE_URL may not do that (permission denied for table " in said
        assert "run manage.py setup as the owner, with DATABASE_APP_ROLE naming it" in said
    owner.environment["DATABASE_APP_ROLE"] = role
    owner.run("setup")
    assert "run this as the role that owns the tables" in refused(address, "reencrypt")
    owner.run("reencrypt")


@pytest.mark.postgresql
def test_a_role_or_a_database_that_is_unknown():
    parts = urlsplit(os.environ["DATABASE_URL"])
    nobody = parts._replace(netloc=f"nobody:hunter2@{parts.netloc.rpartition('@')[2]}").geturl()
    assert 'role "nobody" does not exist' in refused(nobody, "serve")
    assert 'database "nothing" does not exist' in refused(
        parts._replace(path="/nothing").geturl(), "export_users"
    )
