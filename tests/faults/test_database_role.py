"""The service with a database role that owns no table."""

import os
import secrets
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, IntegrityError
from psycopg.sql import SQL, Identifier

from tests.faults.databases import database
from tests.faults.servers import NEW, RESET, Server

pytestmark = pytest.mark.postgresql
OLD = """INSERT INTO accounts_auditevent (at, kind, name, contract, request_id, reason)
    VALUES (now() - interval '100 days', 'login', 'x', '', '', '')"""
FORBIDDEN = [
    "UPDATE accounts_auditevent SET name = 'erased-1f'",
    "DELETE FROM accounts_auditevent",
    "TRUNCATE accounts_auditevent",
    "ALTER TABLE accounts_auditevent DISABLE TRIGGER ALL",
    "DROP TABLE accounts_auditevent",
    "UPDATE accounts_auditseal SET up_to = 0",
    "DELETE FROM accounts_auditseal",
    "DELETE FROM accounts_sealkey",
    OLD.replace("(at", "(id, at").replace("(now()", "(9223372036854775807, now()"),
    "INSERT INTO accounts_sealkey (id, sealed, first_lock, created_at) VALUES (0, 'x', '', now())",
    """INSERT INTO accounts_auditseal
    (number, after, up_to, last_at, sealed_at, rows, previous, digest, token, next_lock)
        VALUES (9223372036854775806, 0, 1, now(), now(), '', '', '', '', '')""",
    "INSERT INTO accounts_erasedvalue (event_id, field, digest) VALUES (1, 'name', '')",
    "UPDATE django_migrations SET name = 'x'",
    "CREATE OR REPLACE FUNCTION accounts_forget_events(before timestamptz) RETURNS integer "
    "LANGUAGE sql AS 'SELECT 1'",
]


@pytest.fixture(scope="module")
def servers(tables):
    """Start a server whose database the owner of the tables has set up."""
    role, password = f"web_{secrets.token_hex(4)}", secrets.token_hex(16)
    with database(copy_of=tables) as address:
        parts = urlsplit(address)
        web_address = parts._replace(
            netloc=f"{role}:{password}@{parts.netloc.rpartition('@')[2]}"
        ).geturl()
        with Server(address, DATABASE_APP_ROLE=role, DATABASE_APP_PASSWORD=password) as owner:
            owner.set_up()
            owner.run("setup")
            with Server(
                web_address, AUDIT_RETENTION="90d", PUBLIC_URL=f"http://localhost:{owner.port}"
            ) as web:
                web.run("setup")
                web.start()
                yield owner, web
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(SQL("DROP ROLE {}").format(Identifier(role)))


def test_everything_works(servers):
    _, web = servers
    (name, link), (other, _) = web.people_with_links(2).items()
    pair = web.log_in(name)
    assert web.me(pair["access"]) == 200
    assert web.call("/c/camel/api/v1/auth/logout", {}, pair["access"]).status == 200
    assert web.me(pair["access"]) == 401
    assert web.call("/v1/forgot-password", {"username": other}).status == 200
    assert web.call(RESET, {"token": link, "new_password": NEW}).status == 200
    assert "Erased." in web.run("erase_user", name, "--reason", "asked", "--yes")
    with psycopg.connect(web.database, autocommit=True) as connection:
        assert connection.execute(
            "SELECT count(*) FROM accounts_auditevent WHERE name = %s", [name]
        ).fetchone() == (0,)
    web.run("deliver_mail", "--once")
    assert "all as they were written" in web.run("verify_audit_log")


def test_old_events_are_pruned(servers):
    owner, web = servers
    with psycopg.connect(web.database, autocommit=True) as connection:
        connection.execute(OLD)
        web.run("deliver_mail", "--once")
        web.run("prune")
    assert "all as they were written" in web.run("verify_audit_log")
    assert owner.run("reencrypt")


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_log_is_out_of_its_reach(servers, statement):
    _, web = servers
    with (
        psycopg.connect(web.database, autocommit=True) as connection,
        pytest.raises((InsufficientPrivilege, IntegrityError)),
    ):
        connection.execute(statement)


def test_it_does_not_start_before_the_owner_has_migrated(servers):
    owner, web = servers
    owner.run("migrate", "apikeys", "0001", "--fake")
    with pytest.raises(AssertionError, match=r"run manage\.py setup as the role that owns them"):
        web.run("setup")
    owner.run("migrate", "--fake")
    web.run("setup")
