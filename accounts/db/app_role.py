"""The PostgreSQL role of web nodes and mail workers.

It owns no table, so it can disable no trigger.
"""

from typing import Any

from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from psycopg.sql import SQL, Composed, Identifier, Literal

from accounts.models import AuditEvent

FUNCTIONS = ("accounts_erase_events(jsonb, bigint[], jsonb)", "accounts_forget_events(timestamptz)")
EVENTS = AuditEvent._meta
# All but the id, which the sequence gives.
COLUMNS = ", ".join(str(field.column) for field in EVENTS.concrete_fields if not field.primary_key)
ADD_ONLY = ("accounts_auditseal",)  # rows are added, and only functions change them
READ_ONLY = (EVENTS.db_table, "accounts_sealkey", "accounts_erasedvalue", "django_migrations")
GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    *(f"REVOKE UPDATE, DELETE ON {table} FROM {{role}}" for table in ADD_ONLY),
    *(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {{role}}" for table in READ_ONLY),
    f"GRANT INSERT ({COLUMNS}) ON {EVENTS.db_table} TO {{role}}",
    *(f"GRANT EXECUTE ON FUNCTION {function} TO {{role}}" for function in FUNCTIONS),
)


class TooPowerful(Exception):
    """A role that owns the tables, or is a superuser."""


def owns_the_tables() -> bool:
    """Return whether this connection may migrate: it owns the tables, there are none, or SQLite."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class"
            " WHERE oid = to_regclass('django_migrations')"
        )
        found = cursor.fetchone()
    return found is None or bool(found[0])


def pending() -> list[str]:
    """Return the migrations that have not run."""
    executor = MigrationExecutor(connection)
    return [
        str(migration)
        for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())
    ]


def exists(role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
        return bool(cursor.fetchone()[0])


def make(role: str, password: str) -> None:
    """Let ``role`` log in with this password.

    The server gets it as the SCRAM verifier that it would store.
    """
    with connection.cursor() as cursor:
        verifier = connection.connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        command = SQL(
            "ALTER ROLE {} LOGIN PASSWORD {}"
            if exists(role)
            else "CREATE ROLE {} LOGIN PASSWORD {}"
        )
        _run(cursor, command.format(Identifier(role), Literal(verifier)))


def grant(role: str) -> None:
    """Give ``role`` the rights of web nodes and mail workers, and revoke others. Idempotent."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        schema = Identifier(cursor.fetchone()[0])
        cursor.execute(
            "SELECT pg_has_role(%s, relowner, 'MEMBER') FROM pg_class"
            " WHERE oid = to_regclass('django_migrations')",
            [role],
        )
        if cursor.fetchone()[0]:
            raise TooPowerful(role)
        for statement in GRANTS:
            _run(cursor, SQL(statement).format(role=Identifier(role), schema=schema))


def _run(cursor: Any, statement: Composed) -> None:
    """Run a statement about roles, which takes no parameters."""
    cursor.execute(statement.as_string(connection.connection))
