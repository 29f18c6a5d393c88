"""The role of the web nodes changes audit events by two functions alone."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.utils.timezone import now

from accounts.audit import seals, verification
from accounts.db import app_role
from accounts.models import AuditEvent, User
from accounts.operators import actions, user_actions
from tests.audit_events import add_event
from tests.conftest import PASSWORD
from tests.core.append_only import LIKE_AN_ERASURE, TABLE, refused

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind


def forbidden(act):
    with (
        pytest.raises(ProgrammingError, match="permission denied for table accounts_auditevent"),
        transaction.atomic(),
    ):
        act()


@pytest.mark.postgresql
def test_a_web_node_works_without_the_right_to_change_events(
    caller, client, alice, olga, as_web_node
):
    """All other tables can be changed: login, rotation, reset, an action and the pages work."""
    body = caller.form("/api/v1/auth/login", f"username=alice&password={PASSWORD}").json()
    tokens = (body["access_token"]["token"], body["refresh_token"]["token"])
    assert (
        caller.json("/c/form/api/v1/auth/refresh", {"token": tokens[1]}, tokens[0]).status_code
        == 200
    )
    assert caller.json("/v1/login", {"username": "alice", "password": "wrong"}).status_code == 401
    assert caller.json("/v1/forgot-password", {"username": "alice"}).status_code == 200
    call_command("deliver_mail", once=True)
    client.force_login(olga)
    assert client.get("/admin/accounts/auditevent/").status_code == 200
    assert caller.json("/c/camel/api/v1/auth/logout", token=tokens[0]).status_code == 200
    assert (
        AuditEvent.objects.filter(
            kind__in=["login", "login_failed", "reset_asked", "logout"]
        ).count()
        >= 4
    )


@pytest.mark.postgresql
def test_a_web_node_cannot_change_events_by_any_statement(alice, as_web_node):
    add_event(Kind.LOGIN, user_id=alice.pk, name="alice", at=now() - timedelta(days=400))
    forbidden(lambda: AuditEvent.objects.update(reason="another"))
    forbidden(lambda: AuditEvent.objects.all().delete())
    forbidden(lambda: connection.cursor().execute(f"TRUNCATE {TABLE}"))
    forbidden(
        lambda: connection.cursor().execute(
            LIKE_AN_ERASURE.replace("AUDIT_LOG", TABLE), ["erased-1f"]
        )
    )
    refused(
        "INSERT INTO AUDIT_LOG (at, kind, user_id, name, contract, request_id, reason, data, note)"
        " VALUES (now(), 'erased', %s, 'erased-1f', '', '', '', '{}', '')",
        alice.pk,
    )
    with pytest.raises(ProgrammingError, match="must be owner"), transaction.atomic():
        connection.cursor().execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL")


@pytest.mark.postgresql
def test_a_web_node_erases_a_user_by_the_function_and_no_more(alice, bob, olga, as_web_node):
    for user in (alice, bob):
        add_event(Kind.LOGIN, user_id=user.pk, name=user.username, at=now() - timedelta(days=400))
    actions.carry_out(user_actions.ERASE, operator=olga, user=alice, reason="she asked")
    seals.seal()
    rows = AuditEvent.objects.order_by("pk").values_list("kind", "user", "name", "actor", "note")
    stand_in = User.objects.get(pk=alice.pk).username
    assert [*rows] == [
        ("login", None, stand_in, None, ""),
        ("login", bob.pk, "bob", None, ""),
        ("erased", alice.pk, stand_in, olga.pk, "she asked"),
    ]
    assert verification.verify().events == 3


@pytest.mark.postgresql
def test_a_web_node_deletes_events_beyond_retention_and_no_more(settings, as_web_node):
    for days in (400, 89):
        add_event(Kind.LOGIN, name=f"{days} days ago", at=now() - timedelta(days=days))
    settings.AUDIT_RETENTION = timedelta(days=90)
    call_command("prune")
    assert AuditEvent.objects.get().name == "89 days ago"
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_forget_events(now())")
    assert AuditEvent.objects.exists()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "call", ["accounts_forget_events(now())", "accounts_erase_events('{}', '{}', '[]')"]
)
def test_the_functions_of_web_nodes_are_for_no_other_role(call):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE reader")
        with (
            pytest.raises(ProgrammingError, match="permission denied for function"),
            transaction.atomic(),
        ):
            cursor.execute(f"SET LOCAL ROLE reader; SELECT {call}")


@pytest.mark.postgresql
def test_the_role_of_web_nodes_is_no_owner_of_tables():
    with pytest.raises(app_role.TooPowerful):
        app_role.grant("postgres")
