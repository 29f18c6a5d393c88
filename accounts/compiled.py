"""Querysets that are compiled to SQL once, for the few that run on every request.

Building and compiling a queryset costs more than PostgreSQL needs to answer it. Here the ORM does it once for each process
and database; each call then only adapts its parameters and converts its one row, with the ORM's own adapters.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Field, QuerySet

Row = TypeVar("Row")


class _Compiled(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]
    position: int
    converters: Any
    apply: Callable[..., Any]


class CompiledQuery(Generic[Row]):
    """``build(key)`` gives a ``values_list`` queryset with ``key`` as one of its parameters; ``get(key)`` its row as a ``Row``, or None."""

    def __init__(
        self, build: Callable[[Any], QuerySet[Any, Any]], key: Callable[[], "Field[Any, Any]"], sample: Any, row: Callable[..., Row]
    ) -> None:
        self._build, self._key, self._sample, self._row = build, key, sample, row
        self._compiled: dict[str, _Compiled] = {}
        self._lock = Lock()

    def get(self, key: Any) -> Row | None:
        compiled = self._compiled.get(connection.vendor) or self._compile()
        parameters = list(compiled.parameters)
        parameters[compiled.position] = self._adapt(key)
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            found = cursor.fetchone()
        if found is None:
            return None
        if compiled.converters:
            found = next(compiled.apply([list(found)], compiled.converters))
        return self._row(*found)

    def _adapt(self, key: Any) -> Any:
        return self._key().get_db_prep_value(key, connection, prepared=False)

    def _compile(self) -> _Compiled:
        with self._lock:
            compiler = self._build(self._sample).query.get_compiler(connection=connection)
            sql, parameters = compiler.as_sql()
            expressions = [expression for expression, *_ in compiler.select]
            converters = compiler.get_converters(expressions)
            position = list(parameters).index(self._adapt(self._sample))
            self._compiled[connection.vendor] = _Compiled(sql, tuple(parameters), position, converters, compiler.apply_converters)
            return self._compiled[connection.vendor]
