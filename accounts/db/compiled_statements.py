"""Statements that are compiled to SQL once for each process, for every request or login.

They are the identity behind an access token or a key, the look-up and the write of a login,
and a refresh with its rotation. Building and compiling a queryset costs more than PostgreSQL needs
to answer it. A call here only adapts its parameters and converts its one row, with the ORM's own
adapters. Statements that run less often use the ORM.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import AutoField, Field, Model, QuerySet

Row = TypeVar("Row")

# The field that a key is compared with, and a sample of that key.
Parameter = tuple[Callable[[], Any], Any]


class _Compiled(NamedTuple):
    sql: Any
    parameters: list[Any]
    positions: list[int]
    converters: Any
    convert: Callable[..., Any]


class CompiledQuery(Generic[Row]):
    """A query for one row by one key, or by several.

    ``build(key)`` returns a ``values_list`` queryset with ``key`` among its parameters. ``field``
    is what the key is compared with, ``sample`` a key that equals no other parameter; ``more`` has
    both for further keys. ``get(key)`` returns ``row`` of the columns, or None.
    """

    def __init__(
        self,
        build: Callable[..., QuerySet[Any, Any]],
        field: Callable[[], Any],
        sample: Any,
        row: Callable[..., Row],
        more: tuple[Parameter, ...] = (),
    ) -> None:
        self._build, self._row = build, row
        self._keys: tuple[Parameter, ...] = ((field, sample), *more)

    def get(self, *keys: Any) -> Row | None:
        compiled, database = self._compiled, connections[DEFAULT_DB_ALIAS]
        parameters = compiled.parameters.copy()
        for position, (field, _), key in zip(compiled.positions, self._keys, keys, strict=True):
            parameters[position] = field().get_db_prep_value(key, database)
        found = _fetch_row(database, compiled.sql, parameters)
        if found is None:
            return None
        if compiled.converters:
            found = next(compiled.convert([list(found)], compiled.converters))
        return self._row(*found)

    @cached_property
    def _compiled(self) -> _Compiled:
        compiler = self._build(*(sample for _, sample in self._keys)).query.get_compiler(
            connection=connection
        )
        sql, found = compiler.as_sql()
        parameters = list(found)
        positions = [
            parameters.index(field().get_db_prep_value(sample, connection))
            for field, sample in self._keys
        ]
        converters = compiler.get_converters([expression for expression, *_ in compiler.select])
        return _Compiled(sql, parameters, positions, converters, compiler.apply_converters)


class CompiledInsert:
    """An insert of one row of a model, by the names of fields; others get their defaults.

    It sends no signal. With ``ignore_conflicts``, an existing row stays as it is; with ``update``,
    these columns of a row with the same ``unique`` ones get the new values. ``generated`` names a
    column that the database fills, by an expression of each of its dialects.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        ignore_conflicts: bool = False,
        unique: tuple[str, ...] = (),
        update: tuple[str, ...] = (),
        generated: tuple[str, Mapping[str, str]] = ("", {}),
    ) -> None:
        self._table, self._ignore, self._unique, self._update = (
            model._meta.db_table,
            ignore_conflicts,
            unique,
            update,
        )
        self.generated, self._expressions = generated
        self._fields: list[Field[Any, Any]] = [
            field for field in model._meta.concrete_fields if not isinstance(field, AutoField)
        ]

    def __call__(self, **values: Any) -> Any:
        """Return what the database generated, or else None."""
        statement, parameters = self.sql("VALUES ({})"), self.parameters(values)
        if not self.generated:
            _changes(statement, parameters)
            return None
        row = _fetched(statement, parameters)
        return row and row[0]

    def sql(self, source: str) -> str:
        """Return the statement. ``source`` makes its row, with ``{}`` for all placeholders."""
        row = source.format(", ".join(map(self._value, self._fields)))
        columns = ", ".join(_quoted(field.column) for field in self._fields)
        returning = f" RETURNING {_quoted(self.generated)}" if self.generated else ""
        return f"INSERT INTO {_quoted(self._table)} ({columns}) {row}{self._conflict}{returning}"

    def _value(self, field: Any) -> str:
        return self._expressions[connection.vendor] if field.column == self.generated else "%s"

    @property
    def _conflict(self) -> str:
        if self._update:
            changes = ", ".join(
                f"{_quoted(name)} = EXCLUDED.{_quoted(name)}" for name in self._update
            )
            return f" ON CONFLICT ({', '.join(map(_quoted, self._unique))}) DO UPDATE SET {changes}"
        return " ON CONFLICT DO NOTHING" if self._ignore else ""

    def parameters(self, values: dict[str, Any]) -> list[Any]:
        given = [
            values[field.attname] if field.attname in values else field.get_default()
            for field in self._given
        ]
        if unknown := values.keys() - {field.attname for field in self._given}:
            raise TypeError(f"{self._table} has no {', '.join(unknown)}")
        return _prepared(self._given, given)

    @cached_property
    def _given(self) -> list[Any]:
        return [field for field in self._fields if field.column != self.generated]


# An insert, and the values of its row.
NewRow = tuple[CompiledInsert, dict[str, Any]]


class CompiledChange:
    """An update of one row and, only if it was there, inserts of other rows.

    The row is the one whose ``where`` fields have the values given and whose ``null`` fields are
    empty. All of it happens or nothing: on PostgreSQL it is one statement, so one round trip. The
    first insert may be of a row with a generated column.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        set: tuple[str, ...],
        where: tuple[str, ...],
        null: tuple[str, ...] = (),
    ) -> None:
        self._table, self._get = model._meta.db_table, model._meta.get_field
        self._set, self._where, self._null = set, where, null
        self._together: dict[tuple[CompiledInsert, ...], str] = {}

    def __call__(self, changes: dict[str, Any], *rows: NewRow, **where: Any) -> bool:
        """Return whether the row was there."""
        return self._execute(changes, rows, where) is not None

    def generate(self, changes: dict[str, Any], *rows: NewRow, **where: Any) -> Any:
        """Return what the database generated for the first of ``rows``; None without the row."""
        found = self._execute(changes, rows, where)
        return found and found[0]

    def _execute(
        self, changes: dict[str, Any], rows: tuple[NewRow, ...], where: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        values = [*(changes[name] for name in self._set), *(where[name] for name in self._where)]
        parameters = _prepared(self._fields, values)
        if connection.vendor != "postgresql":
            return self._one_by_one(parameters, rows)
        for insert, row in rows:
            parameters += insert.parameters(row)
        return _fetched(self._in_one(tuple(insert for insert, _ in rows)), parameters)

    @transaction.atomic(savepoint=False)
    def _one_by_one(
        self, parameters: list[Any], rows: tuple[NewRow, ...]
    ) -> tuple[Any, ...] | None:
        if not _changes(self._sql, parameters):
            return None
        return tuple(insert(**row) for insert, row in rows)

    def _in_one(self, inserts: tuple[CompiledInsert, ...]) -> str:
        if inserts not in self._together:
            steps = [f"changed AS ({self._sql} RETURNING 1)"]
            steps += [
                f"added{number} AS ({insert.sql('SELECT {} FROM changed')})"  # noqa: S608
                for number, insert in enumerate(inserts)
            ]
            generated = inserts[0].generated if inserts else ""
            answer = f"{_quoted(generated)} FROM added0" if generated else "1 FROM changed"
            self._together[inserts] = f"WITH {', '.join(steps)} SELECT {answer}"
        return self._together[inserts]

    @cached_property
    def _fields(self) -> list[Any]:
        return [self._get(name) for name in (*self._set, *self._where)]

    @cached_property
    def _sql(self) -> str:
        columns = {
            name: _quoted(getattr(self._get(name), "column", name))
            for name in (*self._set, *self._where, *self._null)
        }
        changes = ", ".join(f"{columns[name]} = %s" for name in self._set)
        conditions = [f"{columns[name]} = %s" for name in self._where] + [
            f"{columns[name]} IS NULL" for name in self._null
        ]
        where = " AND ".join(conditions)
        return f"UPDATE {_quoted(self._table)} SET {changes} WHERE {where}"  # noqa: S608


def _fetch_row(database: Any, sql: str, parameters: list[Any]) -> Any:
    """Return the row, by the quick way of a database backend that has one.

    Whoever counts or wraps statements, as tests do, needs Django's cursor.
    """
    quickly = getattr(database, "fetch_row", None)
    if quickly and not database.queries_logged and not database.execute_wrappers:
        return quickly(sql, parameters)
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def _prepared(fields: list[Any], values: list[Any]) -> list[Any]:
    # Looked up once: Django's proxy for it does so at every access.
    database = connections[DEFAULT_DB_ALIAS]
    return [
        field.get_db_prep_save(value, database) for field, value in zip(fields, values, strict=True)
    ]


def _changes(sql: str, parameters: list[Any]) -> bool:
    """Run a statement; return whether it changed or added a row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount)


def _fetched(sql: str, parameters: list[Any]) -> tuple[Any, ...] | None:
    """Run a statement that returns one row at most, and return it."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _quoted(name: Any) -> str:
    return str(connection.ops.quote_name(str(name)))
