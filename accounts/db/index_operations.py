"""Migration operations that make indexes while the service goes on reading and writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import migrations


@contextmanager
def without_lock_timeout(cursor: Any) -> Iterator[None]:
    """Lift the lock timeout: making an index waits until all present transactions have ended."""
    cursor.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        cursor.execute("RESET lock_timeout")


class AddIndexAlongside(migrations.AddIndex):
    """An ``AddIndex`` that locks out no writer of PostgreSQL, for a migration that is not atomic.

    It first drops what an interrupted run left.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return super().database_forwards(app_label, schema_editor, from_state, to_state)
        model = to_state.apps.get_model(app_label, self.model_name)
        with schema_editor.connection.cursor() as cursor, without_lock_timeout(cursor):
            cursor.execute(
                f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}"
            )
            schema_editor.add_index(model, self.index, concurrently=True)
        return None


class AddIndexOnPostgreSQL(AddIndexAlongside):
    """An index that only PostgreSQL has, and that is no part of a model."""

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
