"""Parts of words among millions of rows: by an index of trigrams where PostgreSQL has pg_trgm, and by reading all of them elsewhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connection, models
from django.db.models import F, Func, Model, Q, QuerySet
from django.db.models.functions import Coalesce, Lower
from django.db.models.sql import Query

from accounts.db.index_operations import patience
from accounts.identifiers import normalise

THREE = re.compile(r"[^\W_]{3}")


class Index(NamedTuple):
    """An index of the words in some columns of a table."""

    name: str
    model: type[Model]
    columns: tuple[str, ...]

    @property
    def text(self) -> Func:
        """What is searched in, in small letters, each word after a space: literally the same in the index and in every query."""
        empty = Func(template="''", output_field=models.TextField())
        columns = [
            Coalesce(Lower(F(column)), empty, output_field=models.TextField())
            for column in self.columns
        ]
        return Func(
            *columns,
            template="(' ' || %(expressions)s)",
            arg_joiner=" || ' ' || ",
            output_field=models.TextField(),
        )

    @property
    def is_there(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid)",
                [self.name],
            )
            return bool(cursor.fetchone()[0])


indexes: list[Index] = []


def matching(index: Index, rows: QuerySet[Any], typed: str, most: int) -> list[Any]:
    """Keys of up to so many of these rows in which every word is found; a word shorter than three letters has to begin one.

    The limit is a subquery, so that the planner does not know it: told that it need only find a thousand among many, it would read the
    table from its beginning, and read nearly all of it where the matches stand together near the end, as after an import. What is sought
    is written into the statement: prepared on the server, one plan would have to do for the rare and the common.
    """
    words = [word for word in normalise(typed).split() if any(map(str.isalnum, word))]
    if not words:
        return []
    found = rows.alias(text=index.text).filter(*map(_holds, words)).order_by().values_list("pk")
    try:
        sql, params = found.query.sql_with_params()
    except EmptyResultSet:
        return []
    sql += f" LIMIT (SELECT {most})"
    written: Any = getattr(connection.ops, "compose_sql", None)  # PostgreSQL's
    with connection.cursor() as cursor:
        cursor.execute(*([written(sql, params)] if written else [sql, params]))
        return [pk for (pk,) in cursor.fetchall()]


def _holds(word: str) -> Q:
    """Three letters in a row are found anywhere, by their trigram; fewer only where a word begins, which has trigrams of its own."""
    part = word if THREE.search(word) else f" {word}"
    if connection.vendor == "sqlite":  # its LOWER knows no letters but those of ASCII
        return Q(text__iregex=re.escape(part))
    return Q(text__contains=part)


def missing() -> list[Index]:
    """The indexes that this database could have and has not."""
    return (
        [index for index in indexes if not index.is_there]
        if connection.vendor == "postgresql"
        else []
    )


def make(**_: Any) -> None:
    """Make the indexes that are missing, where the database can have them, beside a service that goes on writing.

    Runs after every migration. Of two nodes that do so at once, one does; what an interrupted one has left is of no use.
    """
    if (
        connection.vendor != "postgresql"
        or connection.in_atomic_block
        or not missing()
        or not _has_trigrams()
    ):
        return
    with connection.cursor() as cursor, _alone(cursor) as alone, patience(cursor):
        tables = connection.introspection.table_names(cursor)
        for index in missing() if alone else []:
            if (table := index.model._meta.db_table) in tables:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
                cursor.execute(
                    f"CREATE INDEX CONCURRENTLY {index.name} ON {table} USING gin ({_expression(index)} gin_trgm_ops)"
                )
                cursor.execute(
                    f"ANALYZE {table}"
                )  # or the planner would not know how common a part is


@contextmanager
def _alone(cursor: Any) -> Iterator[bool]:
    """Whether no other node is at it: none waits for one that waits for all to end."""
    cursor.execute("SELECT pg_try_advisory_lock(hashtext('authsvc trigrams'))")
    alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        cursor.execute("SELECT pg_advisory_unlock(hashtext('authsvc trigrams')) WHERE %s", [alone])


def _has_trigrams() -> bool:
    """Whether the extension is there, or is now: PostgreSQL lets every role make it that may create in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT installed_version IS NOT NULL FROM pg_available_extensions WHERE name = 'pg_trgm'"
        )
        available = cursor.fetchone()
        try:
            if available == (False,):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError:
            return False
        return available is not None


def _expression(index: Index) -> str:
    query = Query(index.model, alias_cols=False)
    return str(
        query.get_compiler(connection=connection).compile(index.text.resolve_expression(query))[0]
    )
