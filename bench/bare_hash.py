"""``python -m bench.bare_hash SECONDS``: the hash alone, on two threads.

It prints the number of verifications and the seconds.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from bench.accounts import ENCODED, PASSWORD

THREADS = 2


def verify_until(end: float) -> int:
    """Return the number of verifications that one thread finishes."""
    hasher, encoded = PasswordHasher(), ENCODED.removeprefix("argon2")
    done = 0
    while time.perf_counter() < end:
        hasher.verify(encoded, PASSWORD)
        done += 1
    return done


def main(seconds: float) -> None:
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        done = sum(pool.map(verify_until, [start + seconds] * THREADS))
    print(done, time.perf_counter() - start)


if __name__ == "__main__":
    main(float(sys.argv[1]))
