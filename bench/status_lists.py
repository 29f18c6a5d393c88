"""``python -m bench.status_lists``: status lists of ten million sessions, by size and by time.

One session in a hundred has ended. A PostgreSQL of its own is filled, by default in some minutes.
"""

import argparse
import tempfile
import time

from bench import ended_sessions, postgres

from .servers import Application


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.status_lists", description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000_000)
    options = parser.parse_args()
    with (
        postgres.server() as server,
        postgres.database(server, "status_lists") as address,
        tempfile.TemporaryDirectory() as folder,
    ):
        environment = {
            "DATABASE_URL": address,
            "DATA_DIR": folder,
            "SECRET_KEY": "a key that protects nothing of any value",
        }
        application = Application("authsvc", "authsvc.settings", environment=environment)
        application.run("bench.seed", "1")
        began = time.perf_counter()
        ended_sessions.insert(address, 1, options.sessions)
        postgres.tidy(address)
        print(f"{options.sessions:,} sessions inserted in {time.perf_counter() - began:.0f} s")
        application.run("bench.status_list_report")


if __name__ == "__main__":
    main()
