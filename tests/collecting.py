"""A pytest plugin: collection without the garbage collector, whose compiling workers share.

Thousands of tests are made and kept, which the collector would look at again and again.
"""

import gc
import os
from collections.abc import Generator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

gc.disable()  # until all is collected


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    try:
        if session.config.args == session.config.getini("testpaths"):
            import_from_another_end(session.config.rootpath)
        return (yield)
    finally:
        gc.enable()


def import_from_another_end(project: Path) -> None:
    """Import all modules of tests, each worker beginning with others.

    So each rewrites the assertions of a part of them, and finds the rest compiled.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    modules = sorted((project / "tests").rglob("test_*.py")) if workers > 1 else []
    first = len(modules) * number // max(workers, 1)
    for path in modules[first:] + modules[:first]:
        # What a module raises is raised again when it is collected.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(path.relative_to(project).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """The collected tests live to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(7_000, 10, 20)  # ten times rarer than usual: each page leaves many objects
