"""Sentences for an operator whose command the database refused, in the place of a traceback."""

from contextlib import suppress

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg import errors
from psycopg_pool import PoolTimeout

RIGHTS = (
    "run this as the role that owns the tables. If that role serves and lacks rights, run manage.py setup as the owner, with "
    "DATABASE_APP_ROLE naming it"
)
SETUP = "tables are missing, or of an earlier version: run manage.py setup first"


def explained(error: Exception) -> str | None:
    """Return a sentence that names the variable and the cause, or None of an error that no setting causes."""
    cause = error.__cause__
    if isinstance(cause, errors.InsufficientPrivilege) or isinstance(error, MigrationSchemaMissing):
        return f"the role of DATABASE_URL may not do that ({_line(error)}): {RIGHTS}."
    if isinstance(cause, errors.UndefinedTable | errors.UndefinedColumn) or str(error).startswith(
        ("no such table", "no such column")
    ):
        return f"{SETUP} ({_line(error)})."
    if (
        isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    ):  # the last: SQLite, of a file of another kind
        where = (
            "DATABASE_URL"
            if connection.vendor == "postgresql"
            else "DATABASE_URL, or DATA_DIR without it,"
        )
        return f"the database that {where} names does not serve: {_line(_reason(error))}."
    return None


def _reason(error: Exception) -> Exception:
    """Return why no connection was made, where the pool only says that it waited in vain."""
    if isinstance(error.__cause__, PoolTimeout):
        with suppress(psycopg.ProgrammingError):
            try:
                psycopg.connect(**connection.get_connection_params()).close()
            except psycopg.OperationalError as refusal:
                return refusal
    return error


def _line(error: Exception) -> str:
    """Return the first statement of the server or the driver, which names no password, on one line."""
    return " ".join(str(error).partition("\nLINE ")[0].split()).rstrip(".")
