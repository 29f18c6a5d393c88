"""The commands that Olga runs on the machine."""

import re
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Model
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import keyring, password_reset, passwords
from accounts.models import Session, SigningKey, User
from tests.concurrency import at_once
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.own_sql]


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def stored():
    return list(User.objects.order_by("pk").values_list()), list(
        SigningKey.objects.order_by("kid").values_list()
    )


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def password_file(settings, tmp_path):
    settings.FIRST_PASSWORD_FILE = tmp_path / "first_admin_password"
    return settings.FIRST_PASSWORD_FILE


def test_the_first_setup_prints_a_password_that_works_on_a_terminal(caller, password_file):
    out = Terminal()
    call_command("setup", stdout=out)
    found = re.search(r"user name (\S+), password (\S+) \(shown only now\)", out.getvalue())
    assert found
    username, password = found.groups()
    assert len(password) >= 20
    answer = caller.json("/api/auth/login", {"username": username, "password": password})
    assert (answer.status_code, answer.json()["user"]["role"]) == (200, "super_admin")
    assert "http://testserver/admin/" in out.getvalue()
    assert not password_file.exists()


def test_elsewhere_it_writes_the_password_to_a_file_that_the_log_names(caller, password_file):
    password_file.write_text("of long ago")
    password_file.chmod(0o644)
    printed = run("setup")
    password = password_file.read_text().strip()
    assert (
        f"First admin: user name admin, password in {password_file} (until it is changed)"
        in printed
    )
    assert password not in printed
    assert password_file.stat().st_mode & 0o777 == 0o600
    assert (
        caller.json("/api/auth/login", {"username": "admin", "password": password}).status_code
        == 200
    )


WAYS: dict[str, Any] = {
    "its owner": lambda admin, old: passwords.change_with_password(
        "admin", old, "four small green lamps"
    ),
    "a reset": lambda admin, old: password_reset.use_token(
        password_reset.make(admin).token, "four small green lamps"
    ),
    "an operator": lambda admin, old: passwords.set_temporary(admin, "four small green lamps"),
    "the machine": lambda admin, old: (admin.set_password("four small green lamps"), admin.save()),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_file_goes_with_the_password_whoever_replaces_it(
    password_file, way, django_capture_on_commit_callbacks
):
    run("setup")
    admin = User.objects.get()
    run("setup")
    assert (password_file.exists(), admin.password_generated) == (True, True)
    with django_capture_on_commit_callbacks(execute=True):
        WAYS[way](admin, password_file.read_text().strip())
    assert (password_file.exists(), User.objects.get().password_generated) == (False, False)


def test_the_file_stays_if_the_new_password_is_not_stored(password_file):
    run("setup")
    old = password_file.read_text().strip()
    with suppress(InterruptedError), transaction.atomic():
        WAYS["an operator"](User.objects.get(), old)
        raise InterruptedError
    assert (password_file.read_text().strip(), User.objects.get().password_generated) == (old, True)
    assert passwords.authenticate("admin", old)


def test_a_file_that_was_deleted_by_hand_stops_no_new_password(
    password_file, django_capture_on_commit_callbacks
):
    run("setup")
    admin, old = User.objects.get(), password_file.read_text().strip()
    password_file.unlink()
    with django_capture_on_commit_callbacks(execute=True):
        WAYS["the machine"](admin, old)
        admin.save()
    assert not User.objects.get().password_generated


def test_a_hash_of_todays_cost_is_still_the_generated_password(password_file):
    run("setup")
    password = password_file.read_text().strip()
    User.objects.update(password=make_password(password, hasher="pbkdf2_sha256"))
    assert passwords.authenticate("admin", password).password.startswith("argon2")
    assert (password_file.exists(), User.objects.get().password_generated) == (True, True)


def test_a_file_whose_password_was_replaced_elsewhere_goes_at_the_next_start(password_file):
    run("setup")
    User.objects.update(password_generated=False)
    assert run("setup") == ""
    assert not password_file.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_setups_at_once_one_makes_the_admin(password_file, caller):
    printed = at_once(lambda: run("setup"), lambda: run("setup"))
    assert sorted(bool(said) for said in printed if isinstance(said, str))[-1:] == [True]
    password = password_file.read_text().strip()
    assert User.objects.filter(is_superuser=True).count() == 1
    assert (
        caller.json("/api/auth/login", {"username": "admin", "password": password}).status_code
        == 200
    )


def test_the_second_setup_prints_nothing_and_changes_nothing():
    run("setup")
    before = stored()
    assert run("setup") == ""
    assert stored() == before


def test_setup_makes_no_admin_where_there_is_one(olga):
    assert run("setup") == ""
    assert User.objects.get() == olga


def test_setup_makes_the_keys_that_sign():
    SigningKey.objects.all().delete()
    run("setup")
    assert sorted(SigningKey.objects.values_list("use", flat=True)) == ["current", "next"]


def test_setup_with_another_secret_key_says_what_to_do(settings):
    settings.SECRET_KEY = "another secret, of thirty-two letters and more"
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        run("setup")
    assert not User.objects.exists()


def test_setup_gives_nobody_who_happens_to_be_called_admin_more_rights():
    User.objects.create_user("admin")
    run("setup")
    assert not User.objects.get(username="admin").is_superuser


def test_rotation_says_which_key_signs():
    following = SigningKey.objects.get(use="next").kid
    SigningKey.objects.filter(use="next").update(created_at=now() - keyring.KNOWN_AFTER)
    assert run("rotate_signing_key") == f"{following} signs from now on.\n"
    assert keyring.current().kid == following


def test_a_next_key_that_verifiers_may_not_know_signs_only_in_a_hurry():
    following = SigningKey.objects.get(use="next")
    SigningKey.objects.filter(pk=following.pk).update(created_at=now() - timedelta(minutes=59))
    with pytest.raises(CommandError, match=r"less than an hour ago.*or rotate with --now"):
        run("rotate_signing_key")
    assert SigningKey.objects.get(use="next").pk == following.pk
    assert run("rotate_signing_key", "--now") == f"{following.pk} signs from now on.\n"


def test_a_previous_key_can_be_retired():
    old = keyring.current().kid
    run("rotate_signing_key", "--now")
    assert run("rotate_signing_key", "--retire", old) == f"{old} is retired.\n"
    assert keyring.find(old) is None


@pytest.mark.parametrize("kid", ["unknown", "current"])
def test_a_key_that_is_not_previous_cannot_be_retired(kid):
    named = keyring.current().kid if kid == "current" else kid
    with pytest.raises(CommandError, match="not a previous signing key"):
        run("rotate_signing_key", "--retire", named)
    assert keyring.find(keyring.current().kid)


# Prune

SESSIONS, TOKENS = 100_000, 10_000
HEX = "printf('%%032x', n)" if connection.vendor == "sqlite" else "lpad(to_hex(n), 32, '0')"


def multiply(model: type[Model], count: int, **replaced: str) -> None:
    """Copy the only row of a table so many times, with these columns made from ``n``."""
    columns = [str(field.column) for field in model._meta.concrete_fields]
    values = ", ".join(replaced.get(column, f"one.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE numbers(n) AS"  # noqa: S608 (names of our own)
            " (SELECT 1000001 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)"
            f" INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
            f" SELECT {values} FROM {model._meta.db_table} AS one, numbers",
            [1_000_000 + count],
        )


def log_in(caller):
    return caller.json(
        "/c/bearer/api/v1/auth/login", {"username": "alice", "password": PASSWORD}
    ).json()


def test_a_hundred_thousand_dead_sessions_are_forgotten_and_the_living_go_on(caller, alice):
    log_in(caller)
    alice.invalidate_credentials("ended_by_operator")
    Session.objects.update(
        revoked_at=now() - timedelta(days=31), expires_at=now() - timedelta(days=32)
    )
    OutstandingToken.objects.update(expires_at=now() - timedelta(days=32))
    multiply(
        Session,
        SESSIONS,
        id=HEX if connection.vendor == "sqlite" else f"{HEX}::uuid",
        refresh_jti=HEX,
    )
    multiply(OutstandingToken, TOKENS, id="n", jti=HEX)
    multiply(BlacklistedToken, TOKENS, id="n", token_id="n")
    live = log_in(caller)
    printed = run("prune")
    assert f"accounts.Session: {SESSIONS + 1}\n" in printed
    assert f"token_blacklist.OutstandingToken: {TOKENS + 1}\n" in printed
    assert (
        Session.objects.count(),
        OutstandingToken.objects.count(),
        BlacklistedToken.objects.count(),
    ) == (1, 1, 0)
    assert caller.get("/api/v1/auth/me", live["access_token"]).status_code == 200
    assert (
        caller.json(
            "/c/bearer/api/v1/auth/refresh", {"refresh_token": live["refresh_token"]}
        ).status_code
        == 200
    )


def test_sessions_that_ended_lately_are_kept_for_operators(caller, alice):
    log_in(caller)
    alice.invalidate_credentials("ended_by_operator")
    Session.objects.update(revoked_at=now() - timedelta(days=3))
    run("prune")
    run("prune", "--keep-days", "4")
    assert Session.objects.count() == 1
    assert "accounts.Session: 1\n" in run("prune", "--keep-days", "2")
    with pytest.raises(CommandError, match="0 or more"):
        run("prune", "--keep-days", "-1")
