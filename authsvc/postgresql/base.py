"""Django's PostgreSQL backend, with a health check of pooled connections that costs no round trip."""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg import adapters
from psycopg.pq import Format

_load_timestamp = adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)  # gives UTC, as the connection is told to


class DatabaseWrapper(base.DatabaseWrapper):
    """Hands out no pooled connection that the server has closed, so the first request after its restart finds a good one.

    ``CONN_HEALTH_CHECKS`` would ask the server before each request, which costs as much as the one query that most requests
    make. An idle connection has nothing to read; one that the server has closed has, and the kernel knows.
    """

    def get_connection_params(self) -> Any:
        """Made once, for the pool: Django would make them anew for each request, and drop them."""
        if self.alias in base.DatabaseWrapper._connection_pools:  # type: ignore[attr-defined]
            return {}
        parameters = super().get_connection_params()
        parameters["context"].adapters.register_loader("timestamptz", _load_timestamp)
        return parameters

    def _set_autocommit(self, autocommit: bool) -> None:
        """Said only when it changes: a connection comes back from the pool as it went there."""
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]

    def create_cursor(self, name: str | None = None) -> Any:
        """As Django's, without its own loader of timestamps, which is in Python and takes ten times as long."""
        if name:
            return self.connection.cursor(name, scrollable=False, withhold=self.connection.autocommit)
        return self.connection.cursor()

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and _hung_up(connection):
            connection.close()
            self.pool.putconn(connection)  # which the pool replaces
            connection = self.pool.getconn()
        return connection


def _hung_up(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
