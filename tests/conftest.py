"""The people of our stories. Alice and Bob have accounts, Olga runs the place."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.contrib.auth import hashers
from django.core.cache import caches
from django.db import connection, connections
from django.test import Client
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts import keyring, request_context
from accounts.audit import seal_digests
from accounts.db import app_role
from accounts.hashing import hash_shares
from accounts.models import User
from accounts.request_context import RequestContext
from accounts.status_lists import indices
from accounts.status_lists.served_lists import lists
from apikeys import usage
from tests.audit_events import flushable
from tests.databases import HERE
from tests.faults import databases
from tests.faults.servers import Server, Template, make_template
from tests.openapi.documented import DocumentedClient

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings) -> str:
    """SQLite in a file, as it is deployed: threads wait for its locks, which memory does not.

    Return the name of the database, which becomes another one if a test of this run needs it.
    """
    if connection.vendor == "sqlite":
        connections.databases["default"]["TEST"]["NAME"] = f"{HERE}/test.sqlite3"
    return str(connection.settings_dict["NAME"])


@pytest.fixture(scope="session")
def django_db_setup(django_db_modify_db_settings, django_db_setup, django_db_blocker):
    """A database whose signing keys and seed are loaded: no test has to wait for them.

    Return the URL of a copy from before; without a test that needs the database there is none.
    """
    if connection.settings_dict["NAME"] == django_db_modify_db_settings:
        yield ""
        return
    with databases.tables() as copy:
        with django_db_blocker.unblock():
            keyring.reload()
            indices.permuted(0)  # loads the seed of status lists
        yield copy


@pytest.fixture(scope="session")
def tables(django_db_setup) -> Iterator[str]:
    """Return the URL of a migrated database, for copies."""
    if django_db_setup:
        yield django_db_setup
        return
    with databases.database() as address:
        Server(address, WEB_CONCURRENCY="1").run("migrate")
        yield address


@pytest.fixture(scope="session")
def template(tables) -> Iterator[Template]:
    """A database after ``manage.py setup``, for the copies that servers run on."""
    with databases.database(copy_of=tables) as address:
        yield make_template(address)


@pytest.fixture(scope="session", autouse=True)
def an_append_only_audit_log_that_tests_can_empty():
    with flushable():
        yield


@pytest.fixture(scope="session", autouse=True)
def static_files_are_listed_once():
    """List static files once: WhiteNoise does so for each application that a client makes."""
    lists: dict[tuple[str, int | None], dict[str, Any]] = {}
    list_files = WhiteNoiseMiddleware.add_files_from_finders

    def list_once(self: WhiteNoiseMiddleware) -> None:
        if (self.static_prefix, self.max_age) not in lists:
            list_files(self)
            lists[self.static_prefix, self.max_age] = self.files
        self.files = lists[self.static_prefix, self.max_age]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", list_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def hashes_of_other_systems_are_cheap():
    """Give Django's hashers small costs: PBKDF2 alone takes a third of a second by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashers.PBKDF2PasswordHasher, "iterations", 2000)
        patch.setattr(hashers.ScryptPasswordHasher, "work_factor", 2**4)
        patch.setattr(hashers.BCryptSHA256PasswordHasher, "rounds", 4)
        yield


def lacking(what: str) -> NoReturn:
    """Skip the test that this machine lacks something for. In CI that is a failure."""
    pytest.skip(what)


@pytest.fixture(autouse=True)
def open_request_context():
    """Opens an empty request context for calls to the core, as manage.py does for commands."""
    with request_context.use(RequestContext()):
        yield


@pytest.fixture(autouse=True)
def fresh(request):
    """Every test begins with full budgets and with signing keys that its database knows."""
    for cache in caches.all():  # also those that only threads of a live server have used
        cache.clear()
    hash_shares.forget()
    lists.clear()
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker(
        "django_db"
    ):
        request.getfixturevalue(
            "transactional_db" if "transactional_db" in request.fixturenames else "db"
        )
        keyring.reload()
    yield
    usage.clear()


@pytest.fixture
def alice(db) -> User:
    return User.objects.create_user(
        "alice", PASSWORD, email="alice@example.com", name="Alice Liddell"
    )


@pytest.fixture
def bob(db) -> User:
    return User.objects.create_user("bob", PASSWORD, email="bob@example.com")


@pytest.fixture
def olga(db) -> User:
    return User.objects.create_superuser("olga", PASSWORD, email="olga@example.com")


@pytest.fixture
def as_web_node(transactional_db):
    """This connection goes on as the role that ``manage.py setup`` makes."""
    seal_digests.key()
    app_role.make("authsvc_web", "whatever it is")
    app_role.grant("authsvc_web")
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE authsvc_web")
        yield
        cursor.execute("RESET ROLE; DROP OWNED BY authsvc_web; DROP ROLE authsvc_web")


class Caller:
    """A client program: sends JSON, forms and bearer tokens, as the documents show them.

    An answer that is not as its OpenAPI document says fails the test.
    """

    def __init__(self) -> None:
        self.http: Client = DocumentedClient()

    def get(self, path: str, token: str = "", **headers: str) -> Any:
        return self.http.get(path, headers=self.headers(token, headers))

    def json(
        self, path: str, body: Any = None, token: str = "", method: str = "POST", **headers: str
    ) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.http.generic(
            method, path, raw, "application/json", headers=self.headers(token, headers)
        )

    def form(
        self, path: str, body: str, token: str = "", method: str = "POST", **headers: str
    ) -> Any:
        kind = "application/x-www-form-urlencoded"
        return self.http.generic(method, path, body, kind, headers=self.headers(token, headers))

    def multipart(self, path: str, **fields: Any) -> Any:
        return self.http.post(path, fields)

    def headers(self, token: str, headers: dict[str, str]) -> dict[str, str]:
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})


@pytest.fixture
def caller() -> Caller:
    return Caller()
