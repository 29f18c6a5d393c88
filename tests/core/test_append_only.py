"""No operator, bug or holder of the application's connection changes an audit event."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import audit_log, seals
from accounts.audit.reasons import Reason
from accounts.models import AuditEvent
from accounts.privacy import erased_events
from accounts.request_context import RequestContext
from tests.audit_events import add_event
from tests.core.append_only import LIKE_AN_ERASURE, SENTENCE, refused

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind


@pytest.fixture
def event(alice, olga):
    return add_event(
        Kind.DEACTIVATED,
        user_id=alice.pk,
        actor_id=olga.pk,
        name="alice",
        address="192.0.2.7",
        request_id="r1",
        note="she left",
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", 4711),
        ("at", "2020-01-01 00:00:00"),
        ("kind", "login"),
        ("name", "bob"),
        ("address", "198.51.100.1"),
        ("contract", "bearer"),
        ("request_id", "r2"),
        ("reason", "no_such_account"),
        ("reason", "erased"),
        ("note", "she never worked here"),
        ("data", '{"limit": 1000}'),
        ("session", None),
    ],
)
def test_no_event_can_be_changed(bob, column, value):
    session = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    add_event(
        Kind.LOGIN_FAILED,
        name="alice",
        address="192.0.2.7",
        session=session,
        request_id="r1",
        reason="wrong_password",
    )
    before = AuditEvent.objects.values().get()
    refused("UPDATE AUDIT_LOG SET COLUMN = %s".replace("COLUMN", column), value)
    assert AuditEvent.objects.values().get() == before


@pytest.mark.parametrize("column", ["user_id", "actor_id"])
def test_an_event_cannot_be_given_another_user(event, bob, column):
    refused("UPDATE AUDIT_LOG SET COLUMN = %s".replace("COLUMN", column), bob.pk)


def test_no_event_can_be_deleted(event):
    refused("DELETE FROM AUDIT_LOG")
    with pytest.raises(IntegrityError, match=SENTENCE), transaction.atomic():
        event.delete()
    assert AuditEvent.objects.count() == 1


def test_no_event_can_be_written_over(event):
    row = (
        "INTO AUDIT_LOG (id, at, kind, name, contract, request_id, reason, data, note)"
        " VALUES (%s, %s, 'login', 'x', '', '', 'x', '{}', '')"
    )
    ways = {
        "sqlite": "INSERT OR REPLACE " + row,
        "postgresql": f"INSERT {row} ON CONFLICT (id) DO UPDATE SET reason = EXCLUDED.reason",
    }
    refused(ways[connection.vendor], event.pk, now())


@pytest.mark.postgresql
def test_the_table_cannot_be_emptied():
    refused("TRUNCATE AUDIT_LOG")


def test_the_product_itself_gets_no_further(event):
    with pytest.raises(IntegrityError, match=SENTENCE), transaction.atomic():
        AuditEvent.objects.update(note="")
    event.note = "another"
    with pytest.raises(IntegrityError, match=SENTENCE), transaction.atomic():
        event.save()


# Erasure


def test_alice_is_erased_and_her_events_stay(alice, olga):
    request = RequestContext(address="192.0.2.7", request_id="r1", contract="bearer")
    with request_context.use(request):
        audit_log.record(
            Kind.LOGIN_FAILED, user=alice, name="Alice@Example.com", reason=Reason.WRONG_PASSWORD
        )
        audit_log.record(
            Kind.THROTTLED,
            name=" ALICE ",
            reason=Reason.GUESSES_BY_IDENTIFIER,
            data={"limit": 10, "seconds": 300},
        )
        audit_log.record(
            Kind.INVITED,
            user=alice,
            actor=olga,
            reason=Reason.MAILED_TO,
            data={"address": "alice@example.com"},
            note="for Alice",
        )
    before = list(
        AuditEvent.objects.order_by("pk").values(
            "id", "at", "kind", "session", "contract", "request_id"
        )
    )
    assert erased_events.erase(alice, "erased-1f") == 3
    rows = AuditEvent.objects.exclude(kind=Kind.ERASED).order_by("pk")
    assert list(rows.values("id", "at", "kind", "session", "contract", "request_id")) == before
    current: list[tuple] = list(
        rows.values_list("user", "actor", "name", "address", "reason", "data", "note")
    )
    assert current == [
        (None, None, "erased-1f", None, "wrong_password", {}, ""),
        (None, None, "erased-1f", None, "guesses_by_name", {"limit": 10, "seconds": 300}, ""),
        (None, olga.pk, "erased-1f", "192.0.2.7", "mailed_to", {}, "erased"),
    ]


def test_the_actions_of_an_erased_operator_stay(alice, olga, event):
    assert erased_events.erase(olga, "erased-2e") == 1
    event.refresh_from_db()
    assert (event.user, event.actor, event.name, event.address, event.note) == (
        alice,
        None,
        "alice",
        None,
        "she left",
    )


def test_an_operator_who_acted_on_themselves_is_erased_entirely(olga):
    add_event(
        Kind.SESSIONS_ENDED,
        user_id=olga.pk,
        actor_id=olga.pk,
        name="olga",
        address="192.0.2.7",
        note="Olga lost her phone",
    )
    assert erased_events.erase(olga, "erased-2e") == 1
    event = AuditEvent.objects.exclude(kind=Kind.ERASED).get()
    assert (event.user, event.actor, event.name, event.address, event.note) == (
        None,
        None,
        "erased-2e",
        None,
        "erased",
    )


def test_erasing_alice_leaves_bob(alice, bob):
    add_event(Kind.LOGIN, user_id=bob.pk, name="bob", address="192.0.2.7")
    add_event(Kind.THROTTLED, name="alicent")
    assert erased_events.erase(alice, "erased-1f") == 0


def test_only_a_stand_in_takes_a_users_place(alice, event):
    with pytest.raises(ValueError, match="erased-"):
        erased_events.erase(alice, "bob")
    refused("UPDATE AUDIT_LOG SET name = 'bob', user_id = NULL")


def test_an_account_that_events_name_is_erased_and_never_deleted(alice, event):
    with pytest.raises(ProtectedError):
        alice.delete()


def test_no_update_dresses_events_up_as_erased(event, alice, bob):
    add_event(Kind.LOGIN_FAILED, user_id=bob.pk, name="bob", address="192.0.2.8")
    add_event(Kind.LOGIN_FAILED, name="alice", address="192.0.2.7")
    refused(LIKE_AN_ERASURE, "erased-1f")
    erased_events.erase(bob, "erased-2e")
    before = list(AuditEvent.objects.values().order_by("pk"))
    for stand_in in ("erased-2e", "erased-1f"):
        refused(LIKE_AN_ERASURE + " WHERE name = 'alice'", stand_in)
    refused("UPDATE AUDIT_LOG SET actor_id = NULL, address = NULL WHERE actor_id IS NOT NULL")
    refused("UPDATE AUDIT_LOG SET address = NULL WHERE address IS NOT NULL")
    refused("UPDATE AUDIT_LOG SET note = 'erased' WHERE note <> ''")
    assert list(AuditEvent.objects.values().order_by("pk")) == before


def test_the_stand_in_of_an_erased_user_cannot_be_replaced(event, alice):
    erased_events.erase(alice, "erased-1f")
    refused("UPDATE AUDIT_LOG SET name = 'bob' WHERE kind <> 'erased'")


def test_the_digests_that_an_erasure_keeps_cannot_be_changed(event, alice):
    erased_events.erase(alice, "erased-1f")
    refused("UPDATE accounts_erasedvalue SET digest = %s", b"another")
    refused("DELETE FROM accounts_erasedvalue")
    row = (
        "INTO accounts_erasedvalue (event_id, field, digest)"
        " SELECT event_id, field, %s FROM accounts_erasedvalue WHERE TRUE"
    )
    other = "ON CONFLICT (event_id, field) DO UPDATE SET digest = EXCLUDED.digest"
    ways = {"sqlite": f"INSERT OR REPLACE {row}", "postgresql": f"INSERT {row} {other}"}
    refused(ways[connection.vendor], b"another")


def test_no_seal_can_be_written_over(event):
    seals.seal()
    refused("UPDATE accounts_auditseal SET up_to = 0")
    refused("DELETE FROM accounts_auditseal")
    columns = "number, after, up_to, last_at, previous_at, sealed_at, rows, previous, digest"
    table = "accounts_auditseal"
    row = f"INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE TRUE"  # noqa: S608
    other = "ON CONFLICT (number) DO UPDATE SET digest = EXCLUDED.digest"
    ways = {"sqlite": f"INSERT OR REPLACE {row}", "postgresql": f"INSERT {row} {other}"}
    refused(ways[connection.vendor])


def test_an_erasure_that_is_undone_leaves_no_event_of_its_own(event, alice):
    with transaction.atomic():
        erased_events.erase(alice, "erased-1f")
        transaction.set_rollback(True)
    event.refresh_from_db()
    assert (event.name, AuditEvent.objects.count()) == ("alice", 1)


# Retention


def test_events_are_kept_for_ever_unless_retention_is_set():
    add_event(Kind.LOGIN, name="alice", at=now() - timedelta(days=4000))
    call_command("prune")
    assert AuditEvent.objects.exists()


def test_events_are_forgotten_when_the_operator_says_so(settings, capsys):
    settings.AUDIT_RETENTION = timedelta(days=365)
    for days in (366, 364):
        add_event(Kind.LOGIN, name=f"{days} days ago", at=now() - timedelta(days=days))
    call_command("prune")
    assert AuditEvent.objects.get().name == "364 days ago"
    assert "accounts.AuditEvent: 1" in capsys.readouterr().out


def test_no_event_of_the_last_ninety_days_can_be_deleted_whatever_is_set(settings):
    settings.AUDIT_RETENTION = timedelta(0)
    add_event(Kind.LOGIN, name="alice", at=now() - timedelta(days=89))
    call_command("prune")
    assert AuditEvent.objects.count() == 1
    refused("DELETE FROM AUDIT_LOG")
