"""Django's PostgreSQL backend on psycopg's pool, with a connection per thread, not per request."""

import select
import time
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base
from psycopg import adapters
from psycopg.pq import Format, TransactionStatus

MAX_HELD_SECONDS = 60.0  # by a thread; then back to the pool, which replaces old connections

# It returns UTC, the time zone of the connection.
_load_timestamp = adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)


class DatabaseWrapper(base.DatabaseWrapper):
    """Keeps a thread's connection between requests, unless the server has closed it.

    Django would take a connection from the pool and return it in each request, which takes longer
    than verifying the token; and ``CONN_HEALTH_CHECKS`` would query the server before each, which
    costs as much as the one query of most requests. An idle connection has nothing to read; a
    connection that the server has closed has, and the kernel knows.
    """

    def get_connection_params(self) -> Any:
        parameters = super().get_connection_params()
        parameters["context"].adapters.register_loader("timestamptz", _load_timestamp)
        return parameters

    def connect(self) -> None:
        super().connect()
        self.row_cursor = self.connection.cursor()
        if self.pool:
            self.health_check_enabled = True
            self.close_at = time.monotonic() + MAX_HELD_SECONDS

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _is_closed_by_server(connection):
            connection.close()
            self.pool.putconn(connection)  # which the pool replaces
            connection = self.pool.getconn()
        return connection

    def is_usable(self) -> bool:
        """Return whether the connection works; Django asks before a request's first statement."""
        return _is_idle(self.connection) and not _is_closed_by_server(self.connection)

    def close_if_health_check_failed(self) -> None:
        """Check as without a pool; with one, Django relies on the pool's own check."""
        BaseDatabaseWrapper.close_if_health_check_failed(self)

    def close_if_unusable_or_obsolete(self) -> None:
        """Return the connection when a request has ended, if it is the pool's last.

        Other threads may be waiting for it.
        """
        super().close_if_unusable_or_obsolete()
        if self.connection is None or not self.pool:
            return
        if _is_exhausted(self.pool) or not _is_idle(self.connection):
            self.close()

    def fetch_row(self, sql: Any, parameters: list[Any]) -> Any:
        """Return the first row of a query, by a cursor that lives as long as the connection.

        A new one, in Django's layers, takes as long as sending the query and reading the row.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            return self.row_cursor.execute(sql, parameters).fetchone()

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor without Django's loader of timestamps, in Python, ten times as slow."""
        if name:
            return self.connection.cursor(
                name, scrollable=False, withhold=self.connection.autocommit
            )
        return self.connection.cursor()


def _is_exhausted(pool: Any) -> bool:
    """Return whether all connections that the pool may have are in use."""
    counts = pool.get_stats()
    return bool(counts["pool_available"] == 0 and counts["pool_size"] >= counts["pool_max"])


def _is_idle(connection: Any) -> bool:
    """Return whether the connection is open and in no transaction."""
    return bool(connection.pgconn.transaction_status == TransactionStatus.IDLE)


def _is_closed_by_server(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
