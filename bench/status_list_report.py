"""``python -m bench.status_list_report``: measure the status lists of the database at hand.

``python -m bench.status_lists`` runs it, with a database that ends with the run.
"""

import resource
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any

import django

django.setup()

from django.conf import settings
from django.db import connection
from django.db.models import Max

from accounts import keyring
from accounts.models import Session
from accounts.status_lists import indices, signed_list
from accounts.status_lists.served_lists import ServedLists

ONE_ENDS_OF = (10**12, 9_973, 97)


def main() -> None:
    highest = Session.objects.aggregate(highest=Max("status_index"))["highest"]
    numbers = range(1, indices.list_of(highest) + 1)
    settings.STATUS_LIST_TTL = timedelta(hours=1)
    keyring.reload()
    tell_indexes()
    node, before = ServedLists(), memory()
    loaded = [timed(partial(node.get, number)) for number in numbers]
    tell("a list read as a whole, and signed", [times for _, times in loaded])
    full = [signed for signed, _ in loaded[:-1]] or [loaded[0][0]]
    print(f"{len(numbers)} lists, {memory() - before:.0f} MiB of memory")
    print(f"bytes of a full list: {mean(each.token for each in full):,.0f}; with gzip: "
          f"{mean(each.gzipped for each in full):,.0f}; of all: "
          f"{sum(len(signed.token) for signed, _ in loaded):,} and "
          f"{sum(len(signed.gzipped) for signed, _ in loaded):,}")  # fmt: skip
    for every in ONE_ENDS_OF:
        count = end(every)
        settings.STATUS_LIST_TTL = timedelta(seconds=0)  # so the next request looks
        _, look = timed(lambda: node.get(1))
        settings.STATUS_LIST_TTL = timedelta(hours=1)
        tell(f"a look that finds {count:,} ended sessions", [look])
        tell("a changed list signed", [timed(partial(node.get, n))[1] for n in numbers[1:]])
    bitmap = node._lists[1].bitmap
    tell("compressing a list", [timed(lambda: signed_list.compress(bitmap))[1] for _ in range(99)])
    tell("a list from memory", [timed(lambda: node.get(1))[1] for _ in range(9999)])


def timed(call: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """Return what a call returns, and its time and processor time in milliseconds."""
    began, used = time.perf_counter(), time.process_time()
    result = call()
    return result, ((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000)


def tell(name: str, times: list[tuple[float, float]]) -> None:
    spent, used = zip(*times, strict=True)
    print(f"{name:<60}{median(spent):10.3f} ms, of which{median(used):9.3f} of this process; "
          f"at most{max(spent):9.3f}", flush=True)  # fmt: skip


def end(every: int) -> int:
    """End one session of so many, all over the lists; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_session SET revoked_at = now() "
            "WHERE status_index %% %s = 3 AND revoked_at IS NULL",
            [every],
        )
        return int(cursor.rowcount)


def tell_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_size_pretty(pg_relation_size(oid)) FROM pg_class "
            "WHERE relname LIKE 'session_%' OR relname = 'accounts_session' ORDER BY 1"
        )
        print(", ".join(f"{name} {size}" for name, size in cursor.fetchall()))


def mean(texts: Any) -> float:
    lengths = [len(text) for text in texts]
    return sum(lengths) / len(lengths)


def memory() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
