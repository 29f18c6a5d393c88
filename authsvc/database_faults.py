"""Messages for the user of a command that the database refused, in place of a traceback."""

from contextlib import suppress

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from psycopg import errors
from psycopg_pool import PoolTimeout

RIGHTS = (
    "run this as the role that owns the tables. If that role serves and lacks rights, run "
    "manage.py setup as the owner, with DATABASE_APP_ROLE naming it"
)
SETUP = "tables are missing, or of an earlier version: run manage.py setup first"


def message(error: Exception) -> str | None:
    """Return a message with the setting and the cause; None if no setting causes the error."""
    cause = error.__cause__
    if isinstance(cause, errors.InsufficientPrivilege) or isinstance(error, MigrationSchemaMissing):
        return f"the role of DATABASE_URL may not do that ({_line(error)}): {RIGHTS}."
    missing = ("no such table", "no such column")  # SQLite's messages
    undefined = errors.UndefinedTable | errors.UndefinedColumn
    if isinstance(cause, undefined) or str(error).startswith(missing):
        return f"{SETUP} ({_line(error)})."
    # SQLite raises a DatabaseError itself for a file of another format.
    if isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError:
        on_postgresql = connection.vendor == "postgresql"
        where = "DATABASE_URL" if on_postgresql else "DATABASE_URL, or DATA_DIR without it,"
        return f"the database that {where} names does not serve: {_line(_reason(error))}."
    return None


def _reason(error: Exception) -> Exception:
    """Return the reason for a missing connection, where the pool only says that it waited."""
    if isinstance(error.__cause__, PoolTimeout):
        with suppress(psycopg.ProgrammingError):
            try:
                psycopg.connect(**connection.get_connection_params()).close()
            except psycopg.OperationalError as refusal:
                return refusal
    return error


def _line(error: Exception) -> str:
    """Return the first message of the server or driver, which has no password, on one line."""
    return " ".join(str(error).partition("\nLINE ")[0].split()).rstrip(".")
