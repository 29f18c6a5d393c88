"""Indexes that are made while the service goes on reading and writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import migrations


@contextmanager
def patience(cursor: Any) -> Iterator[None]:
    """Making an index waits until the transactions of now have ended: for as long as that takes."""
    cursor.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        cursor.execute("RESET lock_timeout")


class AddIndexAlongside(migrations.AddIndex):
    """``AddIndex`` that locks out no writer of PostgreSQL, in a migration that is not atomic. What an interrupted one left goes first."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        model = to_state.apps.get_model(app_label, self.model_name)
        with schema_editor.connection.cursor() as cursor, patience(cursor):
            cursor.execute(
                f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}"
            )
            schema_editor.add_index(model, self.index, concurrently=True)
        return None


class AddIndexOnPostgreSQL(AddIndexAlongside):
    """One that only PostgreSQL can have, and no model knows of."""

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
