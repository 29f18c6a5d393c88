"""Search for parts of words among millions of rows.

It uses an index of trigrams where PostgreSQL has pg_trgm, and reads all rows elsewhere.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connection, models
from django.db.models import F, Func, Model, Q, QuerySet
from django.db.models.functions import Coalesce, Lower
from django.db.models.sql import Query

from accounts.db.index_operations import without_lock_timeout
from accounts.identifiers import normalise

THREE_LETTERS = re.compile(r"[^\W_]{3}")


class Index(NamedTuple):
    """An index of the words in some columns of a table."""

    name: str
    model: type[Model]
    columns: tuple[str, ...]

    @property
    def text(self) -> Func:
        """Return the searched text: lower case, each word after a space.

        The expression has to be literally the same in the index and in every query.
        """
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
    def exists(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS"
                " (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid)",
                [self.name],
            )
            return bool(cursor.fetchone()[0])


indexes: list[Index] = []  # registered by the modules that search with them


def matching(index: Index, rows: QuerySet[Any], query: str, most: int) -> list[Any]:
    """Return the keys of ``most`` rows at most that hold every word of ``query``.

    A word of fewer than three letters has to begin a word of the row.

    The limit is a subquery, so that the planner does not know it. Otherwise it would read the table
    from its beginning until it has enough, and nearly all of it where the matches stand together
    near the end, as after an import. The words are written into the statement: prepared on the
    server, rare and common words would share one plan.
    """
    words = [word for word in normalise(query).split() if any(map(str.isalnum, word))]
    if not words:
        return []
    found = rows.alias(text=index.text).filter(*map(_holds, words)).order_by().values_list("pk")
    try:
        sql, params = found.query.sql_with_params()
    except EmptyResultSet:
        return []
    sql += f" LIMIT (SELECT {most})"
    compose: Any = getattr(connection.ops, "compose_sql", None)  # PostgreSQL only
    with connection.cursor() as cursor:
        cursor.execute(*([compose(sql, params)] if compose else [sql, params]))
        return [pk for (pk,) in cursor.fetchall()]


def _holds(word: str) -> Q:
    """Return the condition of one word: anywhere if it has a trigram, else at a word's beginning.

    The beginning of a word has trigrams of its own.
    """
    part = word if THREE_LETTERS.search(word) else f" {word}"
    if connection.vendor == "sqlite":  # whose LOWER changes ASCII letters only
        return Q(text__iregex=re.escape(part))
    return Q(text__contains=part)


def missing() -> list[Index]:
    """Return the indexes that this database lacks and could have."""
    return (
        [index for index in indexes if not index.exists]
        if connection.vendor == "postgresql"
        else []
    )


def make(**_: Any) -> None:
    """Make the missing indexes where the database can have them, while the service goes on writing.

    It runs after every migration. Of several nodes one makes them; the rest of an interrupted run
    is replaced.
    """
    if (
        connection.vendor != "postgresql"
        or connection.in_atomic_block
        or not missing()
        or not _has_trigrams()
    ):
        return
    with connection.cursor() as cursor, _alone(cursor) as alone, without_lock_timeout(cursor):
        tables = connection.introspection.table_names(cursor)
        for index in missing() if alone else []:
            if (table := index.model._meta.db_table) in tables:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
                cursor.execute(
                    f"CREATE INDEX CONCURRENTLY {index.name} ON {table}"
                    f" USING gin ({_expression(index)} gin_trgm_ops)"
                )
                # Without it the planner does not know how common a part is.
                cursor.execute(f"ANALYZE {table}")


@contextmanager
def _alone(cursor: Any) -> Iterator[bool]:
    """Yield whether no other node makes indexes. None waits: the other waits for all to end."""
    cursor.execute("SELECT pg_try_advisory_lock(hashtext('authsvc trigrams'))")
    alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        cursor.execute("SELECT pg_advisory_unlock(hashtext('authsvc trigrams')) WHERE %s", [alone])


def _has_trigrams() -> bool:
    """Return whether pg_trgm is installed, installing it if the role may."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT installed_version IS NOT NULL FROM pg_available_extensions"
            " WHERE name = 'pg_trgm'"
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
