"""Names that dependencies do not document, and that this service uses.

After an upgrade these tests fail first. The comments in pyproject.toml tell which module uses what.
"""

import inspect

import pytest
from django import db, forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BCryptPasswordHasher,
    BCryptSHA256PasswordHasher,
)
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.core import cache, signals
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.urls.resolvers import URLResolver
from django_ratelimit.core import get_usage
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Message, Request
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import TConn, ThreadWorker
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode
from psycopg import adapters
from psycopg.pq import Format
from psycopg_pool import ConnectionPool
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import datetime_to_epoch

from accounts import browser_sessions, tokens
from accounts.keyring import DeterministicES256
from accounts.models import User
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


def test_djangos_cursor_does_what_our_query_for_a_row_does_without_it():
    cursor = source(vars(BaseDatabaseWrapper)["_cursor"])
    assert "self.close_if_health_check_failed()" in cursor
    assert "self.ensure_connection()" in cursor
    execute = source(CursorWrapper)
    assert "self.db.validate_no_broken_transaction()" in execute
    assert "with self.db.wrap_database_errors" in execute
    assert "self.db.execute_wrappers" in execute
    assert isinstance(BaseDatabaseWrapper.queries_logged, property)


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
    assert parameters(QuerySet._raw_delete) == ["self", "using"]


# Sessions of browsers, hashes and tokens


@pytest.mark.parametrize(
    "name",
    [
        "encode",
        "decode",
        "create_model_instance",
        "_get_session_from_db",
        "exists",
        "delete",
        "cycle_key",
        "acreate_model_instance",
        "_aget_session_from_db",
        "aexists",
        "adelete",
        "acycle_key",
    ],
)
def test_djangos_session_store_has_the_methods_that_ours_overrides(name):
    overridden = vars(browser_sessions.SessionStore)[name]
    assert parameters(overridden) == parameters(getattr(DatabaseSessionStore, name))


def test_djangos_session_store_has_the_attributes_that_ours_uses():
    session_base = source(SessionBase)
    assert "self._session_cache" in session_base
    assert isinstance(SessionBase.session_key, property)
    assert "_session_key = property(_get_session_key, _set_session_key)" in session_base
    assert parameters(SessionBase._get_session) == ["self", "no_load"]
    assert "self._get_session_from_db()" in source(DatabaseSessionStore.load)


def test_djangos_user_has_the_names_that_ours_overrides_and_reads():
    overridden = vars(User)["_get_session_auth_hash"]
    djangos = AbstractBaseUser._get_session_auth_hash  # type: ignore[attr-defined]
    assert parameters(overridden) == parameters(djangos)
    assert "self._get_session_auth_hash(secret=" in source(AbstractBaseUser)
    assert "self._password = raw_password" in source(AbstractBaseUser.set_password)
    assert parameters(User.check_password) == parameters(AbstractBaseUser.check_password)


def test_djangos_hashers():
    assert parameters(BCryptPasswordHasher._load_library) == ["self"]  # type: ignore[attr-defined]
    assert "self._load_library()" in source(BCryptSHA256PasswordHasher)
    assert "self.encode(password, " in source(BCryptSHA256PasswordHasher.verify)
    for costs in ("memory_cost", "time_cost", "parallelism"):
        assert f"self.{costs}" in source(Argon2PasswordHasher)


def test_simplejwts_tokens():
    assert parameters(Token) == ["token", "verify"]
    assert parameters(Token.check_exp) == ["self", "claim", "current_time"]
    assert parameters(Token.verify_token_type) == ["self"]
    assert "self.get_token_backend()" in source(Token) or "self.token_backend" in source(Token)
    assert parameters(tokens.SessionToken.check_exp) == parameters(Token.check_exp)
    assert {"token", "verify"} <= set(parameters(TokenBackend.decode))
    assert parameters(tokens.KeyringBackend.decode) == parameters(TokenBackend.decode)
    assert parameters(tokens.KeyringBackend.encode) == parameters(TokenBackend.encode)
    assert {"algorithm", "issuer"} <= set(parameters(TokenBackend))
    assert callable(datetime_to_epoch)


def test_simplejwts_tables():
    """Rows of both are written by statements of our own."""
    outstanding = {field.attname for field in OutstandingToken._meta.concrete_fields}
    assert outstanding == {"id", "user_id", "jti", "token", "created_at", "expires_at"}
    blacklisted = {field.attname for field in BlacklistedToken._meta.concrete_fields}
    assert blacklisted == {"id", "token_id", "blacklisted_at"}


def test_pyjwts_algorithms():
    assert parameters(ECAlgorithm.sign) == parameters(DeterministicES256.sign)
    assert parameters(ECAlgorithm) == ["hash_alg", "expected_curve"]
    assert parameters(ECAlgorithm.to_jwk) == ["key_obj", "as_dict"]
    assert parameters(PyJWS.get_algorithm_by_name) == ["self", "alg_name"]
    assert parameters(PyJWS.register_algorithm) == ["self", "alg_id", "alg_obj"]
    assert base64url_encode(b"\xff") == b"_w"


def test_django_ratelimits_usage():
    usage = get_usage(None, group="private names", key=lambda *_: "key", rate="1/5m")
    assert {"count", "limit", "should_limit", "time_left"} == set(usage)


def test_djangos_sql_compiler():
    """accounts/db/compiled_statements.py keeps what it compiles."""
    assert parameters(SQLCompiler.get_converters) == ["self", "expressions"]
    assert parameters(SQLCompiler.apply_converters) == ["self", "rows", "converters"]
    assert "self.select," in source(SQLCompiler.setup_query)


def test_drf_spectacular_asks_the_methods_that_documents_override():
    asked = source(AutoSchema.get_operation)
    assert "self._get_request_body()" in asked
    assert "self._get_response_bodies()" in asked
    assert "self._get_parameters()" in asked
    assert parameters(AutoSchema._map_serializer) == [
        *("self", "serializer", "direction", "bypass_extensions")
    ]
    assert "self._initialise_endpoints()" in source(SchemaGenerator.parse)
