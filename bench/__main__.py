"""``python -m bench``: measure authsvc beside its yardsticks, in one run; print the ratios."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bench import postgres, quiet_machine, report

from .load import Figure
from .servers import THREADS, Application, redis_server, serve
from .workloads import Stage

WORKLOADS = {
    "empty view": Stage.empty,
    "djoser users/me": Stage.djoser_me,
    "me": Stage.me,
    "validate": Stage.validate,
    "forward": Stage.forward,
    "api-key": Stage.api_key,
    "introspect": Stage.introspect,
    "status-list": Stage.status_list,
    "djoser refresh": Stage.djoser_rotation,
    "djoser refresh, rotation off": Stage.djoser_refresh_only,
    "refresh": Stage.refresh,
    "rotation": Stage.rotation,
    "bare hash": Stage.bare_hash,
    "hash in an empty view": Stage.hash_in_a_view,
    "djoser login": Stage.djoser_login,
    "login": Stage.login,
}


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing; Debian and Ubuntu have it as the package wrk.")
    if not find_spec("djoser"):
        raise SystemExit(
            "djoser is missing: python -m pip install --require-hashes -r bench/requirements.txt"
        )
    comparisons = report.chosen(options.only)
    results = measure(options, report.needed(comparisons))
    print("\n".join(report.lines(results, comparisons)))
    if options.json:
        options.json.write_text(json.dumps(report.as_json(results, comparisons), indent=2) + "\n")
    return (
        0
        if report.small_enough(results)
        and all(report.reached(results, each) for each in comparisons)
        else 1
    )


def measure(options: argparse.Namespace, names: list[str]) -> report.Results:
    """Measure with every worker type in turn; all servers of one type run at the same time."""
    results = report.Results()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        applications = prepare(stack, folder, options.users)
        for worker in options.workers:
            with ExitStack() as served:
                servers = {
                    each.name: served.enter_context(
                        serve(each, worker, folder / f"{each.name}.log")
                    )
                    for each in applications
                }
                stage = Stage(servers, folder, options.users, options.sessions)
                play(stage, worker, names, options, results)
                results.memory[worker] = {name: server.memory() for name, server in servers.items()}
    return results


def prepare(stack: ExitStack, folder: Path, users: int) -> list[Application]:
    """Yield the applications, with migrated databases full of users."""
    tell(f"making {users} users")
    server = stack.enter_context(postgres.server())
    ours = stack.enter_context(postgres.database(server, "authsvc"))
    theirs = stack.enter_context(postgres.database(server, "djoser"))
    redis = stack.enter_context(redis_server(folder))
    authsvc = Application(
        "authsvc",
        "authsvc.settings",
        "authsvc.wsgi:application",
        authsvc_environment(ours, redis, folder),
    )
    djoser = Application(
        "djoser", "bench.peers.djoser_settings", environment={"DATABASE_URL": theirs}
    )
    static = Application(
        "djoser-static",
        djoser.settings,
        environment={"DATABASE_URL": theirs, "DJOSER_ROTATES": "false"},
    )
    for application, address in [(authsvc, ours), (djoser, theirs)]:
        application.run("bench.seed", str(users))
        postgres.tidy(address)
    return [
        Application("empty", "bench.peers.empty"),
        Application("hashing", "bench.peers.hashing"),
        djoser,
        static,
        authsvc,
    ]


def authsvc_environment(address: str, redis: str, folder: Path) -> dict[str, str]:
    """Return production settings, with limits that a load test does not reach."""
    return {
        "DATABASE_URL": address,
        "REDIS_URL": redis,
        "DATA_DIR": str(folder / "authsvc"),
        "SECRET_KEY": "a key for the bench only, longer than fifty characters, as it must be",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "ALLOWED_HOSTS": "127.0.0.1",
        "LOGIN_RATE_PER_NAME": "1000000/1h",
        "LOGIN_RATE_PER_NAME_DAILY": "1000000/1d",
        "LOGIN_RATE_PER_ADDRESS": "1000000/1h",
        # None of wrk's sixteen connections is refused, even if one process has nearly all of them.
        "HASHING_QUEUE": "64",
    }


def play(
    stage: Stage,
    worker: str,
    names: list[str],
    options: argparse.Namespace,
    results: report.Results,
) -> None:
    """Warm up each server for a second, then run the rounds, every other one in reverse order.

    So drift of the machine affects all servers alike.
    """
    for name in names:
        WORKLOADS[name](stage, 1)
    for address in {
        server.application.environment.get("DATABASE_URL") for server in stage.servers.values()
    } - {None}:
        postgres.tidy(str(address))
    for number in range(options.repeat):
        for name in names if number % 2 == 0 else reversed(names):
            figure = quiet_machine.undisturbed(
                partial(WORKLOADS[name], stage, options.seconds), options.patience
            )
            results.add(worker, name, figure)
            tell(progress(worker, number, name, figure))


def progress(worker: str, number: int, name: str, figure: Figure) -> str:
    flaws = (f", {figure.errors} errors" if figure.errors else "") + (
        ", disturbed" if figure.disturbed else ""
    )
    return f"{worker}, round {number + 1}: {name}: {figure.rate:.1f}/s{flaws}"


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=5, help="how long each measurement lasts (5)"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="how many rounds; ratios are their median (3)"
    )
    parser.add_argument(
        "--users", type=int, default=10_000, help="how many accounts there are (10000)"
    )
    parser.add_argument(
        "--patience",
        type=int,
        default=30,
        help="seconds to wait, for each measurement, until nothing else runs (30)",
    )
    parser.add_argument(
        "--sessions",
        type=int,
        default=400,
        help="how many logins the reading requests come from (400)",
    )
    parser.add_argument(
        "--only",
        type=some_of(report.SUBJECTS),
        default=report.SUBJECTS,
        help=f"of {','.join(report.SUBJECTS)}",
    )
    parser.add_argument(
        "--workers",
        type=some_of(list(THREADS)),
        default=list(THREADS),
        help=f"of {','.join(THREADS)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    return parser.parse_args()


def some_of(names: list[str]) -> Callable[[str], list[str]]:
    """Return a parser of a comma-separated choice."""

    def read(text: str) -> list[str]:
        options = text.split(",")
        if unknown := set(options) - set(names):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))}: not one of {', '.join(names)}"
            )
        return options

    return read


if __name__ == "__main__":
    sys.exit(main())
