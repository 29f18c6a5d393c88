"""Detection of other load on the machine, which would spoil a measurement."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench.load import Figure

Result = TypeVar("Result")

LIMIT = 0.05
"""The share of all cores that others may use."""


def undisturbed(measure: Callable[[], Figure], patience: int) -> Figure:
    """Return a result measured while nothing else ran, after as many tries as it takes.

    After ``patience`` seconds, return one that is marked as disturbed.
    """
    deadline = time.monotonic() + patience
    while True:
        while watched(lambda: time.sleep(0.5))[1] > LIMIT and time.monotonic() < deadline:
            time.sleep(1)
        figure, others = watched(measure)
        if others <= LIMIT:
            return figure
        if time.monotonic() >= deadline:
            return replace(figure, disturbed=True)


def watched(act: Callable[[], Result]) -> tuple[Result, float]:
    """Return the result, and the share of all cores that other processes used meanwhile."""
    busy, total = machine()
    used = ours()
    result = act()
    busy_now, total_now = machine()
    return result, (busy_now - busy - (ours() - used)) / max(1, total_now - total)


def machine() -> tuple[int, int]:
    """Return busy and total time of all cores since the start, in ticks (proc(5), /proc/stat)."""
    user, nice, system, _idle, _wait, _irq, _softirq, stolen = spent = first_numbers("/proc/stat")[
        :8
    ]
    return user + nice + system + stolen, sum(spent)


def ours() -> int:
    """Return the ticks of this process, its descendants (also ended ones), and PostgreSQL."""
    ended = os.times().children_user + os.times().children_system
    processes = dict(filter(None, map(process, Path("/proc").glob("[0-9]*/stat"))))
    return round(ended * os.sysconf("SC_CLK_TCK")) + sum(
        ticks for pid, (_, _, ticks) in processes.items() if is_ours(pid, processes)
    )


def is_ours(pid: int, processes: dict[int, tuple[str, int, int]]) -> bool:
    while pid in processes and pid != os.getpid():
        name, parent, _ = processes[pid]
        if name == "postgres":
            return True
        pid = parent
    return pid == os.getpid()


def process(stat: Path) -> tuple[int, tuple[str, int, int]] | None:
    """Return a process's id, name, parent and ticks; None if it has just ended."""
    with suppress(OSError):
        before, _, after = stat.read_text(errors="replace").rpartition(")")
        fields = after.split()
        return int(stat.parent.name), (
            before.partition("(")[2],
            int(fields[1]),
            int(fields[11]) + int(fields[12]),
        )
    return None


def first_numbers(file: str) -> list[int]:
    return [int(number) for number in Path(file).read_text().splitlines()[0].split()[1:]]
