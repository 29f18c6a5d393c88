"""Two releases on one database, and a database that is restored from a backup."""

from collections.abc import Iterator

import pytest

from tests.faults.databases import database
from tests.faults.http_client import PASSWORD
from tests.faults.servers import Server

pytestmark = pytest.mark.own_sql

BEFORE = (
    ("accounts", "0001_initial"),
    ("apikeys", "0001_initial"),
)  # to be moved on when a release is no longer upgraded from
MIGRATE = "call_command('migrate', {!r}, {!r}, verbosity=0)\n"
UPGRADE = "call_command('migrate', verbosity=0)\n"
AS_BEFORE = f"""
from datetime import timedelta
from uuid import uuid4
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.timezone import now
from accounts.tokens import AccessToken, RefreshToken

{{1}}before = MigrationLoader(connection).project_state({list(BEFORE)}).apps
at, until, jti = now(), now() + timedelta(days=1), uuid4().hex


def write(model, **fields):
    return before.get_model(model).objects.create(**fields)


user = write("accounts.User", username="{{0}}", email="{{0}}@example.com",
             password=make_password("{PASSWORD}"))
session = write("accounts.Session", user=user, contract="bearer", last_used_at=at,
                expires_at=until, refresh_jti=jti)
mail = write("accounts.OutgoingMail", kind="reset", typed="{{0}}", created_at=at,
             next_try_at=until, give_up_at=until)
write("accounts.PasswordReset", user=user, mail=mail, token_digest=uuid4().hex,
      code_digest="", expires_at=until)
write("accounts.AuditEvent", kind="login", user=user, name="{{0}}", session=session.pk)
write("apikeys.APIKey", id=jti[:8], owner=user, digest="", last_four="", scope="")
for app, _ in {BEFORE}:
    for model in before.get_app_config(app).get_models():
        list(model.objects.all())
claims = {{{{"sub": str(user.uuid), "sid": str(session.pk), "contract": "bearer"}}}}
for kind, identity in ((AccessToken, uuid4().hex), (RefreshToken, jti)):
    print(kind.issue(at=at, expires=until, jti=identity, **claims))
{{2}}"""
REFRESH, LOGOUT = "/c/bearer/api/v1/auth/refresh", "/c/camel/api/v1/auth/logout"


@pytest.fixture(scope="module")
def upgraded() -> Iterator[tuple[Server, dict[str, str]]]:
    """Start this release on a database of the one before; return Alice's older credentials."""
    with database() as address, Server(address) as server:
        first = "".join(MIGRATE.format(*migration) for migration in BEFORE)
        alice = log_in_before(server, "alice", first=first, then=UPGRADE)
        server.start()
        yield server, alice


def log_in_before(server: Server, name: str, *, first: str = "", then: str = "") -> dict[str, str]:
    """Write a user and a session as the release before does; it also reads all rows."""
    access, refresh = server.run(
        "shell", "-v", "0", "-c", AS_BEFORE.format(name, first, then)
    ).split()
    return {"access": access, "refresh": refresh}


def good(server: Server, name: str, pair: dict[str, str]) -> bool:
    refreshed = server.call(REFRESH, {"refresh_token": pair["refresh"]})
    return [
        server.me(pair["access"]),
        refreshed.status,
        server.me(server.log_in(name)["access"]),
    ] == [200] * 3


def test_rows_of_the_previous_release_are_read_while_it_goes_on_writing(upgraded):
    server, alice = upgraded
    assert good(server, "alice", alice)
    assert good(server, "bob", log_in_before(server, "bob"))
    assert good(server, "alice", alice)


def test_a_restored_backup_lets_users_in_and_keeps_ended_what_had_ended_by_then(upgraded):
    """A logout after the backup is lost; nothing that ended before it works again."""
    server, _ = upgraded
    ended, kept, lost = (server.log_in("alice") for _ in range(3))
    assert server.call(LOGOUT, {}, ended["access"]).status == 200
    server.stop()
    with database(copy_of=server.database) as copy:
        server.start()
        assert server.call(LOGOUT, {}, lost["access"]).status == 200
        with Server(copy, PUBLIC_URL=f"http://localhost:{server.port}") as restored:
            restored.start()
            assert [restored.me(pair["access"]) for pair in (ended, kept, lost)] == [401, 200, 200]
            assert restored.call(REFRESH, {"refresh_token": ended["refresh"]}).status == 401
            assert good(restored, "alice", kept)
