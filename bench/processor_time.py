"""Processor time that servers and the database spend on a measurement, from /proc/<pid>/stat."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from bench.load import Figure
from bench.quiet_machine import process

MILLISECONDS_PER_TICK = 1000 / os.sysconf("SC_CLK_TCK")


def metered(
    measure: Callable[[], Figure], workers: list[int], postmaster: int | None = None
) -> Figure:
    """Return a result with the processor time per request of its workers and of the database.

    ``postmaster`` is the first process of PostgreSQL, the parent of all others; None where it runs
    on another machine.
    """
    at_workers, in_database = ticks(workers), ticks(family(postmaster))
    figure = measure()
    each = MILLISECONDS_PER_TICK / max(1, figure.requests)
    workers_ms = since(at_workers, ticks(workers)) * each
    database_ms = since(in_database, ticks(family(postmaster))) * each if postmaster else None
    return replace(figure, workers_ms=workers_ms, database_ms=database_ms)


def ticks(pids: Iterable[int]) -> dict[int, int]:
    """Return the ticks of each process that runs, with those of its threads."""
    found = {pid: process(Path(f"/proc/{pid}/stat")) for pid in pids}
    return {pid: each[1][2] for pid, each in found.items() if each}


def since(before: dict[int, int], now: dict[int, int]) -> int:
    """Return the ticks that were spent, also by processes that have started meanwhile."""
    return sum(spent - before.get(pid, 0) for pid, spent in now.items())


def family(parent: int | None) -> list[int]:
    """Return a process and its children."""
    if parent is None:
        return []
    found = filter(None, map(process, Path("/proc").glob("[0-9]*/stat")))
    return [parent, *(pid for pid, (_, its_parent, _) in found if its_parent == parent)]
