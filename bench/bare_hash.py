"""`python -m bench.bare_hash SECONDS`: what the hash alone can do on two threads; prints verifications and seconds."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from bench.accounts import ENCODED, PASSWORD

THREADS = 2


def verify_until(end: float) -> int:
    """How many verifications one thread finishes."""
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
