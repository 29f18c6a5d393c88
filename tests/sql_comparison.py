"""A pytest plugin: in a run on all databases, a test without a mark issues the same SQL on each.

Each worker records the statements of a test and sends them with its report. The process that
started the workers compares what came from both; a difference is an error of that test, since
without ``--all-databases`` it runs on one database only.
"""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from django.db.backends.signals import connection_created

from tests.databases import DATABASE, DATABASES, FOR_EACH, WORKER, is_marked
from tests.portable_sql import portable

STATEMENTS = "statements"


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("all_databases"):
        config.pluginmanager.register(Recorder() if WORKER else Comparison(config))


class Recorder:
    """In a worker: the statements of the test that runs, without those of shared fixtures."""

    def __init__(self) -> None:
        self.issued: set[str] = set()
        self.is_paused = False
        connection_created.connect(self.listen)

    def listen(self, connection: Any, **signal: Any) -> None:
        """Listen to each connection, of each thread, once: it may be opened several times."""
        if self.record not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.record)

    def record(
        self, execute: Callable[..., Any], sql: Any, parameters: Any, many: bool, context: Any
    ) -> Any:
        if not self.is_paused:
            self.issued.add(str(sql))
        return execute(sql, parameters, many, context)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self.issued.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        paused, self.is_paused = self.is_paused, self.is_paused or fixturedef.scope != "function"
        try:
            return (yield)
        finally:
            self.is_paused = paused

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            if not is_marked(item):
                forms = {form for sql in self.issued for form in portable(sql)}
                item.user_properties.append((STATEMENTS, [DATABASE, *sorted(forms)]))


class Comparison:
    """In the process that started the workers: the statements of tests that ran on one database."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.waiting: dict[str, tuple[str, set[str]]] = {}
        self.issued: dict[str, set[str]] = {name: set() for name in DATABASES}
        self.differences: list[tuple[pytest.TestReport, dict[str, set[str]]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        sent = dict(report.user_properties).get(STATEMENTS)
        if report.when != "call" or not isinstance(sent, list):
            return
        database, issued = sent[0], set(sent[1:])
        self.issued[database] |= issued
        test = report.nodeid.removesuffix(f"{database}]")
        if test not in self.waiting:
            self.waiting[test] = database, issued
            return
        other, before = self.waiting.pop(test)
        if issued != before:
            only = {database: issued - before, other: before - issued}
            self.differences.append((report, only))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        result = yield
        for report, only in self.differences:
            left = {name: {sql for sql in only[name] if not self.is_cached(sql)} for name in only}
            if any(left.values()):
                self.config.hook.pytest_runtest_logreport(report=difference(report, left))
        return result

    def is_cached(self, sql: str) -> bool:
        """Tell a query that each database gets, and that a cache answered for one run of a test."""
        return sql.startswith("SELECT ") and all(sql in issued for issued in self.issued.values())


def difference(report: pytest.TestReport, only: dict[str, set[str]]) -> pytest.TestReport:
    """The error of a test that issues these statements on one database only."""
    sentences = [
        f"This test issues other SQL on {DATABASES[0]} than on {DATABASES[1]}, and usually runs on",
        f"one of them. Mark it by its subject ({', '.join(FOR_EACH)}): then it runs on each.",
    ]
    statements = [f"only on {name}: {sql}" for name in DATABASES for sql in sorted(only[name])]
    return pytest.TestReport(
        nodeid=report.nodeid,
        location=report.location,
        keywords=report.keywords,
        outcome="failed",
        longrepr="\n".join([*sentences, *statements]),
        when="teardown",
    )
