"""Tests of the tests: which database a test runs on, and that a missing mark is noticed."""

import os
from pathlib import Path

import pytest

from authsvc.contracts import BUILT_IN
from tests.databases import SIXTH, contracts
from tests.portable_sql import portable
from tests.shared_work import in_parts

PROJECT = Path(__file__).resolve().parents[1]
SETTINGS = """
SECRET_KEY = "of a project of a few statements"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
TESTS = """
import pytest
from django.db import connection
from tests.databases import DATABASE

pytestmark = pytest.mark.django_db

def test_of_one_statement():
    connection.cursor().execute("SELECT 1")

def test_of_another():
    connection.cursor().execute(f"SELECT '{DATABASE}'")

def test_of_what_the_other_database_is_asked_elsewhere():
    connection.cursor().execute("SELECT 1" if DATABASE == "sqlite" else "SELECT 2")

def test_of_two_statements():
    connection.cursor().execute("SELECT 2")

@pytest.mark.own_sql
def test_that_says_so():
    connection.cursor().execute(f"SELECT '{DATABASE}'")

@pytest.mark.django_db(transaction=True)
def test_that_commits():
    connection.cursor().execute(f"SELECT '{DATABASE}'")

@pytest.mark.postgresql
def test_of_one_database():
    assert DATABASE == "postgresql"
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs these tests with two workers: one that calls itself SQLite, and one PostgreSQL."""
    for name in ("TEST_DATABASE", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("TEST_DATABASE_URL", "of a server that need not be there")
    pytester.makepyfile(small_settings=SETTINGS, test_small=TESTS)
    pytester.makepyprojecttoml((PROJECT / "pyproject.toml").read_text())

    def run(*arguments):
        usual = ("-n", "2", "-v", "--ds", "small_settings", "test_small.py")
        return pytester.runpytest_subprocess(*usual, *arguments)

    return run


def test_without_a_mark_a_test_runs_once(run):
    result = run()
    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines_random(
        [
            "*PASSED test_small.py::test_of_one_statement *",
            "*PASSED test_small.py::test_of_another *",
            "*PASSED test_small.py::test_that_says_so[[]sqlite] *",
            "*PASSED test_small.py::test_that_says_so[[]postgresql] *",
            "*PASSED test_small.py::test_that_commits[[]sqlite] *",
            "*PASSED test_small.py::test_that_commits[[]postgresql] *",
            "*gw1*PASSED test_small.py::test_of_one_database *",
        ]
    )


def test_tests_for_few_workers_come_first():
    sqlite = {"test_a::of_all": 0, "test_b::of_all": 1}
    postgresql = {**sqlite, "test_c::of_one": 2}
    parts = in_parts([sqlite, postgresql])
    assert parts == [["test_c::of_one"], ["test_a::of_all"], ["test_b::of_all"]]


def test_on_all_databases_other_sql_without_a_mark_is_an_error(run):
    result = run("--all-databases")
    result.assert_outcomes(passed=13, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_of_another*",
            "This test issues other SQL on sqlite than on postgresql*",
            "*Mark it by its subject (races, own_sql, database_fault)*",
            "only on sqlite: SELECT 'sqlite'",
            "only on postgresql: SELECT 'postgresql'",
        ]
    )


@pytest.mark.parametrize(("ci", "outcome"), [("true", "failed"), ("", "skipped")])
def test_in_ci_nothing_is_skipped(pytester, monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    pytester.makepyfile("import pytest\n\ndef test_of_a_tool():\n    pytest.skip('not installed')")
    result = pytester.runpytest_subprocess("-rfs", "-p", "tests.nothing_skipped", "-p", "no:django")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*not installed*"])


@pytest.mark.parametrize(
    ("sqlite", "postgresql"),
    [
        (
            'SELECT "a" FROM "t" WHERE "at" > STRFTIME(\'%Y\', \'NOW\')',
            'SELECT "a" FROM "t" WHERE "at" > STATEMENT_TIMESTAMP()',
        ),
        ('SELECT "a" FROM "t"', 'SELECT "a" FROM "t" FOR NO KEY UPDATE OF "t" SKIP LOCKED'),
        (
            "INSERT OR IGNORE INTO t (a) VALUES (%s)",
            "INSERT INTO t (a) VALUES (%s) ON CONFLICT DO NOTHING",
        ),
        (
            "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)",
            "INSERT INTO t (a, b) SELECT * FROM UNNEST((%s)::text[], (%s)::bigint[])",
        ),
        (
            "UPDATE t SET a = CASE WHEN (id = %s) THEN %s ELSE NULL END WHERE id IN (%s)",
            "UPDATE t SET a = (CASE WHEN (id = %s) THEN %s ELSE NULL END)::varchar(9)"
            " WHERE id IN (%s)",
        ),
        ("SAVEPOINT s1", "BEGIN"),
    ],
)
def test_dialects_are_one_form(sqlite, postgresql):
    assert portable(sqlite) == portable(postgresql)


def test_a_change_that_generates_a_number_stands_for_its_steps():
    together = (
        "WITH changed AS (UPDATE t SET a = %s WHERE id = %s RETURNING 1), added0 AS "
        "(INSERT INTO u (b, c) SELECT %s, nextval('numbers') FROM changed RETURNING \"c\"), added1 "
        'AS (INSERT INTO v (d) SELECT %s FROM changed) SELECT "c" FROM added0'
    )
    steps = [
        "UPDATE t SET a = %s WHERE id = %s",
        'INSERT INTO u (b, c) VALUES (%s, (SELECT last + 1 FROM numbers)) RETURNING "c"',
        "INSERT INTO v (d) VALUES (%s)",
    ]
    assert portable(together) == frozenset().union(*map(portable, steps))


def test_a_change_in_one_statement_stands_for_its_steps():
    """``accounts.db.compiled.CompiledChange``, whose own tests are marked."""
    together = (
        "WITH changed AS (UPDATE t SET a = %s WHERE id = %s RETURNING 1), added0 AS "
        "(INSERT INTO u (b, c) SELECT %s, %s FROM changed ON CONFLICT DO NOTHING) "
        "SELECT 1 FROM changed"
    )
    steps = [
        "UPDATE t SET a = %s WHERE id = %s",
        "INSERT INTO u (b, c) VALUES (%s, %s) ON CONFLICT DO NOTHING",
    ]
    assert portable(together) == portable(steps[0]) | portable(steps[1])


@pytest.mark.parametrize(
    "other",
    [
        "UPDATE t SET a = %s",
        "UPDATE t SET b = %s WHERE id = %s",
        "SELECT accounts_erase_events(%s)",
        "SELECT 1 FROM pg_locks",
    ],
)
def test_another_statement_is_another_form(other):
    assert portable(other) != portable("UPDATE t SET a = %s WHERE id = %s")


@pytest.mark.parametrize(
    ("content", "sixth"),
    [
        ('name="acme", mount="acme/v3"', [SIXTH]),
        ("name='legacy', mount='acme/v3'", []),
        ('name="acme", mount="auth/v2"', []),
    ],
)
def test_the_sixth_contract_makes_room_for_one_of_its_name_or_mount(
    tmp_path, monkeypatch, content, sixth
):
    (tmp_path / "a_contract.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    others = ["a_contract:contract"]
    assert contracts(f"bearer,{others[0]}") == [*BUILT_IN, *sixth, *others]
    assert contracts(f"nowhere:contract,json,{SIXTH}") == [
        *BUILT_IN,
        SIXTH,
        "nowhere:contract",
        "json",
    ]


def test_there_are_two_workers_for_each_processor(pytestconfig):
    """One worker alone, as xdist starts on one processor, would leave a database out."""
    workers = pytestconfig.hook.pytest_xdist_auto_num_workers(config=pytestconfig)
    assert workers == 2 * (os.cpu_count() or 1)
