"""``python -m bench.search``: time of the admin's lists and searches on large tables.

It runs on the system's own PostgreSQL, which has pg_trgm, with default settings. Each page is
opened through Django, and the time of all its statements is summed up: first on a new
connection, where nothing is planned or prepared, and then some more times.
"""

import argparse
import subprocess
import sys
import tempfile

from . import postgres
from .servers import PROJECT, Application


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument(
        "--users",
        type=int,
        default=1_000_000,
        help="accounts; three times as many sessions and events, as many mails and keys",
    )
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with postgres.packaged() as address, tempfile.TemporaryDirectory() as folder:
        environment = {
            "DATABASE_URL": address,
            "DATA_DIR": folder,
            "SECRET_KEY": "a key that protects nothing of any value",
        }
        application = Application("authsvc", "authsvc.settings", environment=environment)
        command = [
            sys.executable,
            "-m",
            "bench.search_report",
            str(options.users),
            str(options.rounds),
        ]
        return subprocess.run(
            command, cwd=PROJECT, env=application.variables(), check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
