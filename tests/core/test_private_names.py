"""Names that gunicorn, Django and psycopg do not document, and that this service uses.

After an upgrade these tests fail first. The comments in pyproject.toml tell which module uses what.
"""

import inspect

import pytest
from django import db, forms
from django.core import cache, signals
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Model
from django.urls.resolvers import URLResolver
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Message, Request
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import TConn, ThreadWorker
from psycopg import adapters
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

from authsvc.postgresql import base as postgresql
from authsvc.server import unreadable_requests
from authsvc.server.connections import Connection
from authsvc.server.slow_readers import SlowReadersWorker
from authsvc.server.worker import PatientThreadWorker


def parameters(function):
    return list(inspect.signature(function).parameters)


def source(*things):
    return "".join(map(inspect.getsource, things))


WORKER_METHODS = {
    "init_process": ["self"],
    "accept": ["self", "listener"],
    "enqueue_req": ["self", "conn"],
    "handle_request": ["self", "req", "conn"],
    "_keepalive_after": ["self", "conn", "keepalive"],
    "finish_request": ["self", "conn", "fs"],
    "wait_for_and_dispatch_events": ["self", "timeout"],
    "murder_pending": ["self"],
}


@pytest.mark.parametrize(("name", "expected"), WORKER_METHODS.items())
def test_gunicorns_worker_has_the_methods_that_ours_overrides(name, expected):
    overridden = vars(PatientThreadWorker).get(name) or vars(SlowReadersWorker)[name]
    assert parameters(overridden) == parameters(vars(ThreadWorker)[name]) == expected


@pytest.mark.parametrize(
    "name",
    [
        "self.keepalived_conns",
        "self.pending_conns",
        "self.nr_conns",
        "self.worker_connections",
        "self.poller",
        "self.alive",
        "self.cfg.threads",
        "self.log.",
    ],
)
def test_gunicorns_worker_has_the_attributes_that_ours_reads(name):
    assert name in source(Worker, ThreadWorker)


def test_gunicorns_connection():
    assert isinstance(Config.is_ssl, property)
    assert parameters(TConn) == parameters(Connection) == ["cfg", "sock", "client", "server"]
    assert parameters(TConn.close) == ["self", "graceful"]
    assert "self.data_ready = False" in source(TConn)
    assert "self.parser = None" in source(TConn)
    assert "unreader.buf.getvalue()" in source(ThreadWorker)


def test_gunicorns_requests():
    assert Request._expected_100_continue is False
    assert "req._expected_100_continue" in source(wsgi)
    assert parameters(Message.force_close) == ["self"]
    assert issubclass(ParseException, Exception)
    assert issubclass(NoMoreData, Exception)
    assert '"gunicorn.socket": sock' in source(wsgi)


def test_gunicorns_errors_are_written_by_a_function_that_can_be_replaced():
    assert parameters(util.write_error) == parameters(unreadable_requests.write_error)
    assert parameters(util.write_nonblock) == ["sock", "data", "chunked"]
    assert parameters(util.http_date) == ["timestamp"]
    assert "util.write_error(" in source(Worker)


DATABASE_METHODS = {
    "get_connection_params": ["self"],
    "connect": ["self"],
    "get_new_connection": ["self", "conn_params"],
    "is_usable": ["self"],
    "close_if_health_check_failed": ["self"],
    "close_if_unusable_or_obsolete": ["self"],
    "create_cursor": ["self", "name"],
}


@pytest.mark.parametrize(("name", "expected"), DATABASE_METHODS.items())
def test_djangos_backend_has_the_methods_that_ours_overrides(name, expected):
    overridden = vars(postgresql.DatabaseWrapper)[name]
    assert parameters(overridden) == parameters(getattr(DatabaseWrapper, name)) == expected


def test_djangos_backend_has_the_attributes_that_ours_sets():
    assert "self.health_check_enabled" in source(BaseDatabaseWrapper)
    assert "self.close_at" in source(BaseDatabaseWrapper)
    assert isinstance(DatabaseWrapper.pool, property)
    assert 'conn_params["context"]' in source(DatabaseWrapper)


def test_psycopgs_pool_and_loaders():
    assert parameters(ConnectionPool.putconn) == ["self", "conn"]
    assert parameters(ConnectionPool.getconn) == ["self", "timeout"]
    loader = adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)
    assert loader
    assert parameters(adapters.register_loader) == ["oid", "loader"]
    counts = ConnectionPool(open=False).get_stats()
    assert {"pool_available", "pool_size", "pool_max"} <= set(counts)


def test_djangos_redis_cache():
    assert isinstance(vars(RedisCache)["_cache"].func, type(lambda: 0))
    assert parameters(RedisCacheClient.get_client) == ["self", "key", "write"]
    assert "serializer" in parameters(RedisCacheClient)


def test_djangos_receivers_that_are_disconnected():
    """authsvc/wsgi.py disconnects them; other tests may have imported it before."""
    assert callable(db.reset_queries)
    assert callable(db.close_old_connections)
    assert callable(cache.close_caches)
    assert "signals.request_started.connect(reset_queries)" in source(db)
    assert "signals.request_started.connect(close_old_connections)" in source(db)
    assert "signals.request_finished.connect(close_caches)" in source(cache)
    assert hasattr(signals, "request_started")


def test_djangos_urls_can_be_loaded_early():
    assert parameters(URLResolver._populate) == ["self"]


def test_djangos_models_and_forms():
    assert "self._state = ModelState()" in source(Model)
    assert parameters(vars(forms.BaseModelForm)["_post_clean"]) == ["self"]
