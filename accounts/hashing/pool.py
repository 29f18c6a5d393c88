"""A pool of threads for password hashes: one for each processor, with a short queue."""

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection

from accounts.audit.reasons import Reason
from accounts.errors import HashingOverloaded

PROCESSORS = (
    len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
)
LOG_INTERVAL_SECONDS = 60.0  # between two lines about refused attempts

R = TypeVar("R")
logger = logging.getLogger(__name__)


class HashingPool:
    """Runs work that keeps a processor busy; ``HashingOverloaded`` at once if no place is free.

    More threads than processors would take each other's caches, and each thread that ever
    hashed keeps its memory. A caller waits in its own thread, so the places are fewer than the
    threads of the web server, which always has one left for other requests.
    """

    def __init__(self, width: int, queue: int, threads: int = 0) -> None:
        self.places = min(width + queue, max(1, threads - 1)) if threads else width + queue
        self._free = threading.BoundedSemaphore(self.places)
        self._executor = ThreadPoolExecutor(width, thread_name_prefix="hashing")
        self._inside = threading.local()
        self._refused, self._next_line = 0, float("-inf")

    def run(self, work: Callable[..., R], *args: Any) -> R:
        if getattr(self._inside, "yes", False):  # a hasher that is made of another one
            return work(*args)
        if not self._free.acquire(blocking=False):
            self._tell()
            raise HashingOverloaded(Reason.OVERLOADED, data={"places": self.places})
        try:
            _lend_connection()
            return self._executor.submit(self._work, work, *args).result()
        finally:
            self._free.release()

    def run_patiently(self, work: Callable[..., R], *args: Any) -> R:
        """Run work that no client can flood: like ``run``, but waits until a place is free."""
        while True:
            try:
                return self.run(work, *args)
            except HashingOverloaded:
                time.sleep(0.02)

    def _work(self, work: Callable[..., R], *args: Any) -> R:
        self._inside.yes = True
        return work(*args)

    def _tell(self) -> None:
        """Log the number of attempts refused since the last line, at most one line a minute."""
        self._refused += 1
        if time.monotonic() >= self._next_line:
            self._next_line, refused, self._refused = (
                time.monotonic() + LOG_INTERVAL_SECONDS,
                self._refused,
                0,
            )
            logger.warning(
                "%s attempts refused: the hashing queue is full (HASHING_QUEUE, THREADS)", refused
            )


def _lend_connection() -> None:
    """Return the database connection to its pool if that has no other.

    A thread that only waits needs none.
    """
    lent: Any = connection
    if getattr(lent, "pool", None) and not lent.in_atomic_block:
        lent.close_if_unusable_or_obsolete()


pool = HashingPool(PROCESSORS, settings.HASHING_QUEUE or max(4 * PROCESSORS, 10), settings.THREADS)
