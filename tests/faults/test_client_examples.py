"""The files of docs/clients/examples run against a server, through a proxy that counts requests."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import lacking
from tests.faults.counting_proxy import CountingProxy
from tests.faults.databases import database
from tests.faults.http_client import PASSWORD
from tests.faults.processes import PROJECT, in_parallel
from tests.faults.servers import Server

EXAMPLES = PROJECT / "docs" / "clients" / "examples"
COMMANDS = {"py": sys.executable, "mjs": "node", "sh": "sh"}
NEW_PASSWORD = "four small green lamps"
CALLERS = 4
IN_NODE = """
const { FILE, CLIENT, AUTH, URL: url, USERNAME, PASSWORD, CALLERS } = process.env;
const client = new (await import(FILE))[CLIENT](AUTH);
await client.logIn(USERNAME, PASSWORD);
for (let round = 0; round < 2; round++) {
  const calls = Array.from({ length: Number(CALLERS) }, () => client.call("GET", url));
  const results = await Promise.allSettled(calls);
  console.log(JSON.stringify(results.map(({ reason }) => reason?.message ?? "answered")));
}
"""


class Paths(NamedTuple):
    """Paths that the examples of a contract use: to log in, to get a newer token, and so on."""

    login: str
    renewal: str
    protected: str
    logout: str


CONTRACTS = {
    "bearer": Paths(
        "/c/bearer/api/v1/auth/login",
        "/c/bearer/api/v1/auth/refresh",
        "/auth/forward",
        "/c/bearer/api/v1/auth/logout",
    ),
    "camel": Paths(
        "/c/camel/api/v1/auth/login",
        "/c/camel/api/v1/auth/refresh",
        "/c/camel/api/v1/auth/keys",
        "/c/camel/api/v1/auth/logout",
    ),
    "form": Paths(
        "/c/form/api/v1/auth/login",
        "/c/form/api/v1/auth/refresh",
        "/c/form/api/v1/auth/me",
        "/c/form/api/v1/auth/logout",
    ),
    "challenge": Paths(
        "/c/challenge/v1/login",
        "/c/challenge/v1/token-refresh",
        "/auth/forward",
        "/c/challenge/v1/token-revoke",
    ),
    "envelope": Paths(
        "/c/envelope/api/auth/login",
        "/c/envelope/api/auth/login",
        "/c/envelope/api/auth/validate",
        "/c/envelope/api/auth/logout",
    ),
}


@pytest.fixture(scope="module")
def authsvc(template) -> Iterator[Server]:
    """Start a server of one process, on which three wrong passwords lock a name."""
    with (
        database(copy_of=template.address) as address,
        Server(address, WEB_CONCURRENCY="1", LOGIN_RATE_PER_NAME="3/5m") as server,
    ):
        server.new_users = list(template.users)
        server.start()
        yield server


@pytest.fixture
def through(authsvc):
    """Start a proxy for the example of a contract."""

    def start(contract: str, **options: Any) -> CountingProxy:
        paths = CONTRACTS[contract]
        return CountingProxy(authsvc.port, paths.protected, paths.renewal, **options)

    return start


def example(contract: str, language: str) -> Path:
    if not shutil.which(COMMANDS[language]) or (language == "sh" and not shutil.which("curl")):
        lacking(f"{'curl' if language == 'sh' else COMMANDS[language]} is not installed")
    return EXAMPLES / f"{contract}.{language}"


def variables(proxy: CountingProxy, user: str, **more: str) -> dict[str, str]:
    own = {"AUTH": proxy.url, "USERNAME": user, "PASSWORD": PASSWORD}
    return {"PATH": os.environ["PATH"]} | own | more


def run(file: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run an example as its first line says."""
    command = [COMMANDS[file.suffix[1:]], str(file)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def play(file: Path, proxy: CountingProxy, url: str) -> list[list[str]]:
    """Log in as Alice, and call ``url`` twice from several callers at once.

    Return for each round what the callers got: ``answered``, or the error's message.
    """
    client = f"{file.stem.title()}Client"
    if file.suffix == ".mjs":
        own = {"FILE": str(file), "CLIENT": client, "URL": url, "CALLERS": str(CALLERS)}
        command = ["node", "--input-type=module", "-e", IN_NODE]
        done = subprocess.run(
            command,
            env=variables(proxy, "alice", **own),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return play_in_python(getattr(load(file), client)(proxy.url), url)


def load(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def play_in_python(client: Any, url: str) -> list[list[str]]:
    def call() -> str:
        try:
            client.call("GET", url)
        except Exception as error:
            return str(error)
        return "answered"

    with client._http:
        client.log_in("alice", PASSWORD)
        return [in_parallel([call] * CALLERS) for _ in range(2)]


each_contract = pytest.mark.parametrize("contract", CONTRACTS)
each_language = pytest.mark.parametrize("language", COMMANDS)
each_library = pytest.mark.parametrize("language", ["py", "mjs"])


@each_language
def test_an_example_logs_in_calls_refreshes_and_logs_out(language, through):
    in_parallel([partial(log_in_and_out, contract, language, through) for contract in CONTRACTS])


def log_in_and_out(contract, language, through):
    """Run an example. The login is busy for a second, and the first access token is refused."""
    file, paths = example(contract, language), CONTRACTS[contract]
    with through(contract, busy=[paths.login], uses=[0]) as proxy:
        done = run(file, variables(proxy, "alice"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Logged in as alice")
    assert proxy.paths() == [
        paths.login,
        paths.login,
        paths.protected,
        paths.renewal,
        paths.protected,
        paths.logout,
    ]


@each_language
def test_an_example_ends_with_the_text_of_a_refusal(language, authsvc, through):
    """A name that is locked for five minutes is not tried again."""
    for _ in range(3):
        authsvc.call("/v1/login", {"username": "nobody", "password": "a wrong one"})
    in_parallel([partial(be_refused, contract, language, through) for contract in CONTRACTS])


def be_refused(contract, language, through):
    file, paths = example(contract, language), CONTRACTS[contract]
    with through(contract) as proxy:
        done = run(file, variables(proxy, "nobody"))
    printed = done.stdout + done.stderr
    assert done.returncode == 1
    assert re.search(r"429 Too many .*Please try again later\.", printed)
    assert PASSWORD not in printed
    assert proxy.paths() == [paths.login]


@each_contract
@each_library
def test_calls_at_the_same_time_share_a_refresh(contract, language, through):
    file, paths = example(contract, language), CONTRACTS[contract]
    with through(contract, crowd=CALLERS, uses=[0, CALLERS]) as proxy:
        assert play(file, proxy, proxy.url + paths.protected) == [["answered"] * CALLERS] * 2
    logins = 1 if paths.login == paths.renewal else 0
    assert proxy.count(paths.renewal) == 2 + logins
    assert proxy.count(paths.protected) == 2 * 2 * CALLERS
    sent = proxy.bodies(paths.renewal)
    assert len(set(sent)) == (2 if contract == "form" else 1)


@each_contract
@each_library
def test_a_refused_refresh_is_sent_once(contract, language, authsvc, through):
    """Alice is deactivated while her callers wait for answers."""
    file, paths = example(contract, language), CONTRACTS[contract]
    with through(
        contract, crowd=CALLERS, uses=[0], gathered=partial(set_active, authsvc, False)
    ) as proxy:
        try:
            first, then = play(file, proxy, proxy.url + paths.protected)
        finally:
            set_active(authsvc, True)
    assert all(message.startswith("401 ") for message in first)
    assert then == ["401 Log in first"] * CALLERS
    assert proxy.count(paths.protected) == CALLERS
    assert len(proxy.requests) == CALLERS + 2


def set_active(server: Server, active: bool) -> None:
    set_column(server, "is_active", active, "alice")


def set_column(server: Server, column: str, value: bool, user: str) -> None:
    change = f"UPDATE accounts_user SET {column} = {value}"  # noqa: S608 (names of our own)
    server.query(f"{change} WHERE username = '{user}' RETURNING id")


@each_language
def test_a_temporary_password_is_replaced(language, authsvc, through):
    file, user = example("challenge", language), authsvc.new_user()
    set_column(authsvc, "must_change_password", True, user)
    with through("challenge") as proxy:
        own = variables(proxy, user, NEW_PASSWORD=NEW_PASSWORD)
        for _ in ("with a challenge", "without"):
            done = run(file, own)
            assert (done.returncode, done.stderr) == (0, "")
            own["PASSWORD"] = NEW_PASSWORD
    assert proxy.count("/c/challenge/v1/new-password-required") == 1


@each_library
def test_a_rotation_whose_answer_is_lost_is_sent_again(language, through):
    file, paths = example("form", language), CONTRACTS["form"]
    with through("form", uses=[0], lossy=[paths.renewal]) as proxy:
        done = run(file, variables(proxy, "alice"))
        assert (done.returncode, done.stderr) == (0, "")
    first, again = proxy.bodies(paths.renewal)
    assert first == again
