"""What the environment may say, and how a start ends where it says something impossible."""

import os
import re
import runpy
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from accounts.policy import Policy
from authsvc.contracts import registry
from authsvc.contracts.contract_settings import DECLARED, from_settings
from tests.faults.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "PUBLIC_URL": "https://auth.example.com",
    "SECRET_KEY": "hPkmgBXJb2mX9zuKm3d5WcWCQH7kR0nVtFq1yEoL4sAxZi8u6TjD",
    "TRUSTED_PROXIES": "1",
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read all settings, those of contracts too, from nothing but what the test says."""

    def settings(**environment):
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - {"PATH"}:
                patch.delenv(name)
            for name, value in ({"DATA_DIR": str(tmp_path)} | environment).items():
                patch.setenv(name, value)
            read = runpy.run_path(str(ROOT / "authsvc" / "settings.py"))
            registry.find(read["CONTRACTS"])
            return read | {name: setting.read() for name, setting in DECLARED.items()}

    return settings


@pytest.fixture
def refused(read):
    """Return the sentence that stops a start in such an environment; it tells no secret."""

    def sentence(**environment):
        with pytest.raises(ImproperlyConfigured) as stopped:
            read(**environment)
        assert "\n" not in str(stopped.value)
        assert "hunter2" not in str(stopped.value)
        return str(stopped.value)

    return sentence


@pytest.fixture
def checked(read, settings):
    """Return the findings of all checks in such an environment, by id."""

    def messages(**environment):
        for name, value in read(**environment).items():
            if name.isupper() and name != "DATABASES" and value != getattr(settings, name, None):
                setattr(settings, name, value)
        found = run_checks(include_deployment_checks=True)
        return {message.id: message.msg for message in found if not message.is_silenced()}

    return messages


@pytest.fixture
def run(tmp_path):
    """Runs a command in an environment of nothing but what the test says: a start that is real."""

    def command(*arguments, **environment):
        surroundings = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=surroundings | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def test_passwords_are_hashed_at_the_documented_cost_unless_told_otherwise(run):
    """OWASP's Password Storage Cheat Sheet: Argon2id, 19 MiB, two passes, one lane."""
    program = "from django.contrib.auth.hashers import make_password; print(make_password('correct horse battery'))"
    assert run("manage.py", "shell", "-v", "0", "-c", program).stdout.startswith(
        "argon2$argon2id$v=19$m=19456,t=2,p=1$"
    )
    dearer = run(
        "manage.py",
        "shell",
        "-v",
        "0",
        "-c",
        program,
        ARGON2_MEMORY_KIB="32768",
        ARGON2_TIME_COST="3",
    )
    assert dearer.stdout.startswith("argon2$argon2id$v=19$m=32768,t=3,p=1$")


def test_hashes_leave_a_thread_of_gunicorn_to_other_requests(run):
    program = (
        "import runpy; print(runpy.run_path('gunicorn.conf.py')['threads']); import django; django.setup();"
        "from accounts.hashing.pool import pool, PROCESSORS; print(pool.places - min(PROCESSORS + max(4 * PROCESSORS, 10), 15))"
    )
    assert run("-c", program).stdout.split() == ["16", "0"]
    few = run(
        "-c",
        "import django; django.setup(); from accounts.hashing.pool import pool; print(pool.places)",
        THREADS="3",
    )
    assert few.stdout.split() == ["2"]


WRONG = {
    "DEBUG": "perhaps",
    "AUDIT_RETENTION": "89d",
    "KNOWN_NETWORK_LIFETIME": "47h",
    "PORT": "0",
    "PUBLIC_URL": "ftp://hunter2.example.com",
    "DATABASE_URL": "mysql://root:hunter2@localhost/auth",
    "SECRET_KEY": "hunter2",
    "SECRET_KEY_FALLBACKS": "a key of thirty-two letters and more,hunter2",
    "ENCRYPTION_KEYS": "a key of thirty-two letters and more,hunter2",
    "SIGNING_ALGORITHM": "none",
    "CONTRACTS": "bearer,soap",
    "FORM_ACCESS_LIFETIME": "a week",
    "FORM_SESSION_MAXIMUM": "0d",
    "BEARER_REFRESH_LIFETIME": "-1d",
    "FORM_ROTATE_REFRESH_TOKENS": "sometimes",
    "LOGIN_RATE_PER_NAME": "ten",
    "LOGIN_RATE_PER_NAME_DAILY": "100/0d",
    "WEB_CONCURRENCY": "several",
    "TRUSTED_PROXIES": "-1",
    "REDIS_URL": "http://:hunter2@localhost",
    "ARGON2_MEMORY_KIB": "much",
    "HASHING_QUEUE": "0",
    "CHALLENGE_EMPTY_SUCCESS": "2",
    "LOG_FORMAT": "xml",
    "TEMPLATE_DIR": "/nowhere/hunter2",
    "CORS_ALLOWED_ORIGINS": "https://app.example.com/",
}


@pytest.mark.parametrize(("name", "value"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_stops_the_start_with_one_sentence_that_names_it(refused, name, value):
    assert f"{name} must " in refused(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://auth:hunter2/x@localhost/auth"),
        ("DATABASE_URL", "postgres://auth:x@localhost:hunter2/auth"),
        ("DATABASE_URL", "postgres://[hunter2"),
        ("REDIS_URL", "redis://[:hunter2@localhost"),
        ("PUBLIC_URL", "https://[hunter2"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://auth.example.com/?token=hunter2"),
        ("SECRET_KEY_FILE", "/nowhere/hunter2"),
        ("DATA_DIR", "/dev/null/hunter2"),
        ("DATA_DIR", "/proc"),
        ("DATABASE_URL", "sqlite:////proc/hunter2"),
        ("DATABASE_URL", "sqlite:////nowhere/hunter2"),
        ("DATABASE_URL", "sqlite:////tmp"),
    ],
)
def test_an_impossible_address_is_named_and_not_shown(refused, name, value):
    assert name in refused(**{name: value})


def test_nodes_that_share_a_database_need_a_secret_key(refused):
    sentence = refused(DATABASE_URL="postgres://auth:hunter2@localhost/auth")
    assert "SECRET_KEY (or SECRET_KEY_FILE) must be set" in sentence


def test_what_gunicorn_loads_stops_in_the_same_way(run):
    stopped = run("-c", "import authsvc.wsgi", PORT="many")
    assert stopped.returncode != 0
    assert (
        stopped.stderr.strip()
        == "authsvc cannot start: PORT must be a whole number from 1 to 65535."
    )


GUNICORN = ("-m", "gunicorn", "authsvc.wsgi:application")
COMMANDS = [
    ("manage.py", "serve"),
    ("manage.py", "setup"),
    ("manage.py", "deliver_mail", "--once"),
]
IMPOSSIBLE = [
    {"SECRET_KEY": "hunter2"},
    {"SECRET_KEY_FALLBACKS": "hunter2" * 4 + "abc"},
    {"DATA_DIR": "/proc"},
    {"DATABASE_URL": "sqlite:////proc/db"},
    {"WEB_CONCURRENCY": "2"},
    {"PORT": "99999"},
]


# Commands read the environment where their settings do; gunicorn's own configuration reads it, too.
EVERY_START = [
    *((command, IMPOSSIBLE[0]) for command in COMMANDS),
    *((GUNICORN, environment) for environment in IMPOSSIBLE),
]


@pytest.mark.parametrize(("start", "environment"), EVERY_START, ids=str)
def test_every_way_to_start_stops_with_one_sentence(run, start, environment):
    stopped = run(*start, **{"PORT": str(free_port())} | environment)
    said = [
        line for line in stopped.stderr.splitlines() if not re.match(r"\[\d{4}-.*\[INFO\]", line)
    ]
    assert stopped.returncode != 0
    assert len(said) == 1
    assert said[0].startswith(f"authsvc cannot start: {next(iter(environment))} ")
    assert "hunter2" not in stopped.stdout + stopped.stderr


@pytest.mark.parametrize(
    "address", ["foo.invalid", "192.0.2.1", "127.0.0.1:99999", "[2001:db8::1]"]
)
def test_an_address_that_is_not_of_this_machine_is_refused_before_anything_is_served(run, address):
    stopped = run(*GUNICORN, PORT=str(free_port()), BIND=address)
    assert stopped.returncode != 0
    assert "authsvc cannot start: BIND must be an address of this machine" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "Serving on" not in stopped.stdout


def test_serving_is_said_only_of_a_port_that_is_bound(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stopped = run("manage.py", "serve", PORT=str(taken.getsockname()[1]))
    assert stopped.returncode != 0
    assert "Connection in use" in stopped.stderr
    assert "Serving on" not in stopped.stdout


@pytest.mark.parametrize(
    "said",
    [{"more": ["--workers", "2"]}, {"GUNICORN_CMD_ARGS": "--workers=2"}],
    ids=["an argument", "the environment"],
)
def test_several_processes_need_redis_however_they_are_asked_for(run, said):
    stopped = run(*GUNICORN, *said.pop("more", []), PORT=str(free_port()), **said)
    assert stopped.returncode != 0
    assert "--workers (WEB_CONCURRENCY) above 1 needs REDIS_URL" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_several_processes_with_redis_are_welcome(read):
    assert read(WEB_CONCURRENCY="4", REDIS_URL="redis://localhost")["WEB_CONCURRENCY"] == 4


@pytest.mark.parametrize("content", [None, b"\xff"], ids=["a folder", "no text"])
def test_a_local_secret_that_cannot_be_read_stops_the_start(refused, tmp_path, content):
    secret = tmp_path / "secret_key"
    secret.write_bytes(content) if content else secret.mkdir()
    assert refused().startswith("SECRET_KEY must ")


def test_what_is_made_under_data_dir_is_its_owner_s_alone(read, tmp_path):
    made = tmp_path / "new" / "data"
    read(DATA_DIR=str(made))
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "secret_key").stat().st_mode & 0o777 == 0o600


def modes(folder):
    """The permissions of all that a folder holds, without those of its owner."""
    return {path.name: path.stat().st_mode & 0o077 for path in folder.rglob("*")}


SEND = """
import os
from django.core.mail import send_mail
from accounts.models import User
send_mail("Reset", "https://auth.example.com/reset/secret", None, ["alice@example.com"])
User.objects.count()
print(oct(os.stat(os.environ["DATA_DIR"] + "/db.sqlite3-wal").st_mode))
"""


def test_what_is_made_in_a_folder_that_all_may_read_is_still_its_owner_s_alone(run, tmp_path):
    """Olga made it herself, with the usual umask."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o755)
    olga = {"DATA_DIR": str(tmp_path / "data")}
    assert run("manage.py", "migrate", "-v", "0", **olga).returncode == 0
    assert run("manage.py", "shell", "-v", "0", "-c", SEND, **olga).stdout == "0o100600\n"
    made = modes(tmp_path / "data")
    assert {"db.sqlite3", "secret_key", "mail"} <= made.keys()
    assert [name for name, mode in made.items() if mode and not name.endswith(".log")] == []
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755


def test_a_folder_of_mails_from_before_is_closed_and_a_database_left_as_it_is(read, tmp_path):
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail").chmod(0o755)
    (tmp_path / "db.sqlite3").touch(0o640)
    read()
    assert modes(tmp_path) == {"mail": 0, "db.sqlite3": 0o040, "secret_key": 0}


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o755, True), (0o750, True), (0o701, True), (0o700, False)], ids=oct
)
def test_the_deployment_checks_warn_of_data_that_others_may_open(checked, tmp_path, mode, warned):
    tmp_path.chmod(mode)
    assert list(checked(**PRODUCTION)) == ["authsvc.W005"] * warned


def test_nothing_has_to_be_set_on_a_laptop(run, tmp_path):
    assert run("manage.py", "check").returncode == 0
    secret = tmp_path / "secret_key"
    assert len(secret.read_text()) >= 32
    assert secret.stat().st_mode & 0o077 == 0
    kept = secret.read_text()
    assert run("manage.py", "check").returncode == 0
    assert secret.read_text() == kept


def test_an_empty_value_is_as_good_as_none(read):
    settings = read(CONTRACTS="", PORT="")
    assert settings["CONTRACTS"] == ["bearer", "camel", "form", "challenge", "envelope"]
    assert settings["PORT"] == 8000


def test_a_secret_may_come_in_a_file(read, tmp_path):
    (tmp_path / "given").write_text(f"{PRODUCTION['SECRET_KEY']}\n")
    settings = read(SECRET_KEY_FILE=str(tmp_path / "given"))
    assert settings["SECRET_KEY"] == PRODUCTION["SECRET_KEY"]


def test_encryption_keys_are_separated_by_commas(run, tmp_path):
    keys = [
        "the first, of thirty-two letters".replace(",", ";"),
        "der zweite; mit Umlauten: äöüß äöüß",
    ]
    (tmp_path / "given").write_text(", ".join(keys) + "\n")
    asked = "-c", "from django.conf import settings; print(settings.ENCRYPTION_KEYS)"
    assert (
        run(*asked, ENCRYPTION_KEYS_FILE=str(tmp_path / "given"), PYTHONUTF8="1").stdout
        == f"{keys}\n"
    )
    assert run(*asked, ENCRYPTION_KEYS="").stdout == "[]\n"


@pytest.mark.parametrize(
    "given",
    [",", "a key of thirty-two letters and more,", " , a key of thirty-two letters and more"],
)
def test_an_empty_encryption_key_is_none(refused, given):
    sentence = refused(ENCRYPTION_KEYS=given)
    assert "ENCRYPTION_KEYS must be secrets of 32 characters or more" in sentence


def test_production_settings_pass_the_deployment_checks(run):
    checked = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (checked.returncode, checked.stdout + checked.stderr) == (
        0,
        "System check identified no issues (1 silenced).\n",
    )


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"REVEAL_UNKNOWN_USERS": "true"}, "authsvc.W001"),
        ({"PUBLIC_URL": "http://auth.example.com"}, "authsvc.W002"),
        ({"TRUSTED_PROXIES": "0"}, "authsvc.W004"),
        ({"DEBUG": "true"}, "security.W018"),
    ],
)
def test_the_deployment_checks_warn(checked, environment, complaint):
    assert complaint in checked(**PRODUCTION | environment)


@pytest.mark.parametrize("name", ["bearer", "camel", "challenge"])
def test_rotation_that_would_lock_clients_out_is_an_error(checked, name):
    variable = f"{name.upper()}_ROTATE_REFRESH_TOKENS"
    assert variable in checked(**PRODUCTION, **{variable: "true"})["authsvc.E001"]


def test_what_is_an_error_stops_the_start(run):
    checked = run("manage.py", "check", CAMEL_ROTATE_REFRESH_TOKENS="true")
    assert checked.returncode != 0
    assert "authsvc.E001" in checked.stderr
    assert "CAMEL_ROTATE_REFRESH_TOKENS" in checked.stderr


def test_rotation_may_be_said_where_it_is_documented(checked):
    said = {"FORM_ROTATE_REFRESH_TOKENS": "true", "BEARER_ROTATE_REFRESH_TOKENS": "false"}
    assert checked(**PRODUCTION, **said) == {}


WORDS = """
import django; django.setup()
from accounts.errors import UnknownAccount as Unknown
from authsvc.contracts import bearer, camel, challenge, envelope, form
print([module.contract.error_response(Unknown()).text for module in (bearer, camel, form, challenge, envelope)])
"""


@pytest.mark.parametrize(
    ("revealed", "told"), [("false", "Invalid credentials"), ("true", "User not found")]
)
def test_unknown_names_are_told_only_where_the_operator_wants_it_and_the_document_lists_it(
    run, revealed, told
):
    said = run("-c", WORDS, REVEAL_UNKNOWN_USERS=revealed)
    others = [
        "Invalid credentials",
        "Incorrect username or password.",
        "Invalid username or password",
    ]
    assert said.stdout == f"{['Invalid credentials', told, *others]}\n"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("900", 900),
        ("900s", 900),
        ("15m", 900),
        ("24h", 86_400),
        ("30d", 2_592_000),
        ("999999999d", 315_360_000),
    ],
)
def test_a_lifetime_may_be_said_in_any_unit_up_to_ten_years(monkeypatch, said, seconds):
    monkeypatch.setenv("CAMEL_ACCESS_LIFETIME", said)
    policy = Policy(name="camel", access=timedelta(hours=1), refresh=timedelta(days=30))
    assert from_settings(policy) == replace(policy, access=timedelta(seconds=seconds))
