"""Values of settings, and the messages about wrong ones."""

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.policy import Policy
from authsvc.contracts import BUILT_IN
from authsvc.contracts.contract_settings import from_settings
from tests.settings.conftest import PRODUCTION


def test_passwords_are_hashed_at_the_documented_cost_unless_told_otherwise(run):
    """OWASP's Password Storage Cheat Sheet: Argon2id, 19 MiB, two passes, one lane."""
    program = (
        "from django.contrib.auth.hashers import make_password; "
        "print(make_password('correct horse battery'))"
    )
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
        "import runpy; print(runpy.run_path('gunicorn.conf.py')['threads']); "
        "import django; django.setup(); "
        "from accounts.hashing.pool import pool, PROCESSORS; "
        "print(pool.places - min(PROCESSORS + max(4 * PROCESSORS, 10), 15))"
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
    "MAIL_CLAIM": "59s",
    "PORT": "0",
    "PUBLIC_URL": "ftp://hunter2.example.com",
    "DATABASE_URL": "mysql://root:hunter2@localhost/auth",
    "SECRET_KEY": "hunter2",
    "SECRET_KEY_FALLBACKS": "a key of thirty-two letters and more,hunter2",
    "ENCRYPTION_KEYS": "a key of thirty-two letters and more,hunter2",
    "SIGNING_ALGORITHM": "none",
    "CONTRACTS": "bearer,soap",
    "FORM_ACCESS_LIFETIME": "a week",
    "BEARER_ACCESS_LIFETIME": "1٥m",
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


def test_the_least_length_of_a_claim_is_in_the_sentence(read, refused):
    assert refused(MAIL_CLAIM="20").endswith("24h or 30d, and 60s or more.")
    assert read(MAIL_CLAIM="1m")["MAIL_CLAIM"] == timedelta(minutes=1)


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


def test_a_data_dir_that_cannot_be_written_stops_the_start_on_any_database(refused):
    sentence = refused(
        DATA_DIR="/proc",
        DATABASE_URL="postgres://auth:hunter2@localhost/auth",
        SECRET_KEY=PRODUCTION["SECRET_KEY"],
    )
    assert sentence == "DATA_DIR must be a folder that this process may write."


@pytest.mark.parametrize("said", ["true", "YES", "On", "1", "False", "no", "OFF", "0"])
def test_a_switch_may_be_said_in_any_spelling(read, said):
    assert read(DEBUG=said)["DEBUG"] is (said in ("true", "YES", "On", "1"))


def test_the_greatest_port_is_a_port_and_the_next_is_none(read, refused):
    assert read(PORT="65535")["PORT"] == 65_535
    assert refused(PORT="65536") == "PORT must be a whole number from 1 to 65535."


def test_addresses_are_read_as_browsers_write_them(read):
    settings = read(
        PUBLIC_URL="https://auth.example.com/",
        CORS_ALLOWED_ORIGINS="https://App.Example.com, https://b.example.com",
    )
    assert settings["PUBLIC_URL"] == "https://auth.example.com"
    assert settings["CORS_ALLOWED_ORIGINS"] == ["https://app.example.com", "https://b.example.com"]


@pytest.mark.parametrize("beside", ["", "-wal", "-shm"])
def test_a_folder_in_place_of_a_file_of_sqlite_stops_the_start(refused, tmp_path, beside):
    (tmp_path / f"auth.sqlite3{beside}").mkdir()
    sentence = refused(DATABASE_URL=f"sqlite:///{tmp_path}/auth.sqlite3")
    assert sentence.startswith("DATABASE_URL must lead to a SQLite file that this process may ")


def test_nodes_that_share_a_database_need_a_secret_key(refused):
    sentence = refused(DATABASE_URL="postgres://auth:hunter2@localhost/auth")
    assert "SECRET_KEY (or SECRET_KEY_FILE) must be set" in sentence


def test_an_empty_value_is_as_good_as_none(read):
    settings = read(CONTRACTS="", PORT="")
    assert settings["CONTRACTS"] == list(BUILT_IN)
    assert settings["PORT"] == 8000


def test_a_secret_may_come_in_a_file(read, tmp_path):
    (tmp_path / "given").write_text(f"{PRODUCTION['SECRET_KEY']}\n")
    settings = read(SECRET_KEY_FILE=str(tmp_path / "given"))
    assert settings["SECRET_KEY"] == PRODUCTION["SECRET_KEY"]


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "ENCRYPTION_KEYS"])
def test_a_file_that_is_no_text_stops_the_start(refused, tmp_path, name):
    """Random bytes in place of a secret in letters, say."""
    (tmp_path / "given").write_bytes(b"\x8b\xff" * 30)
    sentence = refused(**{f"{name}_FILE": str(tmp_path / "given")})
    assert sentence == f"{name}_FILE must name a text file that this process may read."


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
