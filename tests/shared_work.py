"""A pytest plugin: the workers of pytest-xdist, each on a database of its own, share the tests.

``pytest -n 2`` starts one worker on SQLite and one on PostgreSQL, ``-n 4`` two of each. A test that
only the workers of one database collect is theirs; a test that all collect is run once, by whoever
is free.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import groupby

import pytest
from xdist.workermanage import WorkerController, parse_tx_spec_config

LARGEST_PART = 40


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config) -> "SharedWork | None":
    """The distribution that ``-n`` stands for. Any other that ``--dist`` names is left to xdist."""
    if config.getoption("dist") != "load":
        return None
    session = config.pluginmanager.get_plugin("session")
    assert isinstance(session, pytest.Session)
    return SharedWork(session, len(parse_tx_spec_config(config)))


@pytest.hookimpl(tryfirst=True)  # xdist has an answer of its own: one for each processor
def pytest_xdist_auto_num_workers() -> int:
    """Return two for each processor: half of the time a test waits for servers and browsers."""
    return 2 * (os.cpu_count() or 1)


class SharedWork:
    """A scheduler, as ``xdist.scheduler.protocol.Scheduling`` describes it.

    It lacks the two methods that xdist calls only where tests are taken back from a worker.
    """

    def __init__(self, session: pytest.Session, workers: int) -> None:
        self.session = session
        self.workers = workers
        self.parts: list[list[str]] | None = None
        self.collected: dict[WorkerController, dict[str, int]] = {}
        self.pending: dict[WorkerController, list[int]] = {}

    @property
    def nodes(self) -> list[WorkerController]:
        return list(self.pending)

    @property
    def collection_is_completed(self) -> bool:
        return len(self.collected) >= self.workers

    @property
    def tests_finished(self) -> bool:
        return self.collection_is_completed and not self.parts and not self.has_long_pending

    @property
    def has_long_pending(self) -> bool:
        return any(len(pending) > 1 for pending in self.pending.values())

    @property
    def has_pending(self) -> bool:
        return bool(self.parts) or any(self.pending.values())

    def add_node(self, node: WorkerController) -> None:
        self.pending[node] = []

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        self.collected[node] = {test: index for index, test in enumerate(collection)}

    def schedule(self) -> None:
        """Called when all have collected, and again for a worker that replaces one that died."""
        if self.parts is None:
            self.parts = in_parts(self.collected.values())
            self.session.testscollected = sum(map(len, self.parts))
        for node in self.nodes:
            self.feed(node)

    def feed(self, node: WorkerController) -> None:
        """A worker begins a test when it knows the next one, or that there is none."""
        while len(self.pending[node]) < 2 and not node.shutting_down:
            if part := self.take_part(node):
                indices = [self.collected[node][test] for test in part]
                self.pending[node] += indices
                node.send_runtest_some(indices)
            else:
                node.shutdown()

    def take_part(self, node: WorkerController) -> list[str] | None:
        assert self.parts is not None
        for position, part in enumerate(self.parts):
            if part[0] in self.collected[node]:
                return self.parts.pop(position)
        return None

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        self.pending[node].remove(item_index)
        self.feed(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test at which a worker died; the others get those that it had not begun."""
        pending = self.pending.pop(node)
        if not pending:
            return None
        died_at, *left = [list(self.collected[node])[index] for index in pending]
        if left and self.parts is not None:
            self.parts.insert(0, left)
        for other in self.nodes:
            self.feed(other)
        return died_at


def in_parts(collections: Iterable[dict[str, int]]) -> list[list[str]]:
    """Return all tests in lists that one worker gets at once, each of one module.

    Those that few workers can run come first; otherwise the order is that of collection.
    """
    takers: dict[str, list[int]] = {}
    for taker, collection in enumerate(collections):
        for test in collection:
            takers.setdefault(test, []).append(taker)
    parts = []
    for _, group in groupby(takers, lambda test: (test.split("::")[0], takers[test])):
        tests = list(group)
        starts = range(0, len(tests), LARGEST_PART)
        parts += [tests[start : start + LARGEST_PART] for start in starts]
    return sorted(parts, key=lambda part: len(takers[part[0]]))
