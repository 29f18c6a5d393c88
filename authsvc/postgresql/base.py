"""Django's PostgreSQL backend on psycopg's pool, where a thread keeps its connection from request to request."""

import select
import time
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base
from psycopg import adapters
from psycopg.pq import Format, TransactionStatus

KEPT = 60.0  # seconds, then it goes back to the pool, which replaces what has become too old

_load_timestamp = adapters.get_loader(
    adapters.types["timestamptz"].oid, Format.TEXT
)  # gives UTC, as the connection is told to


class DatabaseWrapper(base.DatabaseWrapper):
    """Uses no connection that the server has closed, so the first request after its restart finds a good one.

    Django would take a connection from the pool for each request and bring it back, which takes longer than reading the token; and
    ``CONN_HEALTH_CHECKS`` would ask the server before each, which costs as much as the one query that most requests make. An idle
    connection has nothing to read; one that the server has closed has, and the kernel knows.
    """

    def get_connection_params(self) -> Any:
        parameters = super().get_connection_params()
        parameters["context"].adapters.register_loader("timestamptz", _load_timestamp)
        return parameters

    def connect(self) -> None:
        super().connect()
        if self.pool:
            self.health_check_enabled = True
            self.close_at = time.monotonic() + KEPT

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _hung_up(connection):
            connection.close()
            self.pool.putconn(connection)  # which the pool replaces
            connection = self.pool.getconn()
        return connection

    def is_usable(self) -> bool:
        """Asked before the first statement of a request."""
        return _at_rest(self.connection) and not _hung_up(self.connection)

    def close_if_health_check_failed(self) -> None:
        """As for a connection without a pool, which Django leaves to the pool's own check."""
        BaseDatabaseWrapper.close_if_health_check_failed(self)

    def close_if_unusable_or_obsolete(self) -> None:
        """Asked when a request has ended. The last connection of a pool goes back: other threads may be waiting for one."""
        super().close_if_unusable_or_obsolete()
        if (
            self.connection is not None
            and self.pool
            and (_none_left(self.pool) or not _at_rest(self.connection))
        ):
            self.close()

    def create_cursor(self, name: str | None = None) -> Any:
        """As Django's, without its own loader of timestamps, which is in Python and takes ten times as long."""
        if name:
            return self.connection.cursor(
                name, scrollable=False, withhold=self.connection.autocommit
            )
        return self.connection.cursor()


def _none_left(pool: Any) -> bool:
    """Whether all connections that the pool may have are out."""
    counts = pool.get_stats()
    return bool(counts["pool_available"] == 0 and counts["pool_size"] >= counts["pool_max"])


def _at_rest(connection: Any) -> bool:
    """Whether it is whole, and no transaction was left open."""
    return bool(connection.pgconn.transaction_status == TransactionStatus.IDLE)


def _hung_up(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
