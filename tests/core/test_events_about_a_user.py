"""A user's page, the audit log's filter, an export and an erasure take the same events."""

import pytest
from django.db import connection

from accounts import request_context
from accounts.audit import audit_log
from accounts.audit.query import EventQuery
from accounts.audit.reasons import Reason
from accounts.models import AuditEvent
from accounts.privacy import erasure, user_data
from accounts.request_context import RequestContext
from apikeys.audit_codes import KeyEventKind
from tests.audit_events import add_event

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind
SPELLINGS = ("ALICE", " alice ", "ａｌｉｃｅ", "Alice@Example.com", "ALICE@EXAMPLE.COM\t")


@pytest.fixture(params=SPELLINGS)
def locked(request, alice):
    """Alice's name was typed in some spelling until it was locked, without a look at accounts."""
    with request_context.use(RequestContext(request_id="r1")):
        audit_log.record(
            Kind.THROTTLED,
            name=request.param,
            reason=Reason.GUESSES_BY_IDENTIFIER,
            data={"limit": 10, "seconds": 300},
        )
    add_event(Kind.THROTTLED, name="alicent")
    return AuditEvent.objects.earliest("pk")


def test_an_identifier_in_another_case_or_width_is_hers_everywhere(locked, alice, client, olga):
    assert list(AuditEvent.objects.about(alice)) == [locked]
    assert AuditEvent.objects.newest_about(alice, 20) == [locked]
    for typed in (*SPELLINGS, str(alice.uuid)):
        assert list(EventQuery(identifier=typed).events()) == [locked]
    assert [
        event["request_id"]
        for event in user_data.export(alice)["events"]
        if event["kind"] == "throttled"
    ] == ["r1"]
    client.force_login(olga)
    assert (
        "more than 10 wrong guesses"
        in client.get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    )


def test_an_erasure_reaches_it_too(locked, alice):
    stand_in = erasure.erase(alice)
    locked.refresh_from_db()
    assert (locked.name, locked.reason, locked.data) == (
        stand_in,
        "guesses_by_name",
        {"limit": 10, "seconds": 300},
    )
    assert AuditEvent.objects.filter(name="alicent").exists()


def test_a_new_account_with_an_old_name_takes_none_of_its_events(alice, bob):
    login = add_event(Kind.LOGIN, user_id=alice.pk, name="alice")
    alice.username, bob.username = "alicia", "alice"
    for user in (alice, bob):
        user.save()
    for user, events in ((alice, [login]), (bob, [])):
        assert (
            list(AuditEvent.objects.about(user))
            == AuditEvent.objects.newest_about(user, 20)
            == events
        )


def test_names_of_keys_keep_their_case(alice):
    audit_log.record(KeyEventKind.KEY_DELETED, user=alice, name="key_a1B2c3D4")
    audit_log.record(Kind.LOGIN_FAILED, name="Nobody ")
    assert list(AuditEvent.objects.order_by("pk").values_list("name", flat=True)) == [
        "key_a1B2c3D4",
        "nobody",
    ]


def test_both_halves_are_ranges_of_an_index(alice):
    """No function is applied to the column: the index serves all spellings."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = AuditEvent.objects.about(alice).explain()
    assert "event_of_typed_name" in plan
    assert "SCAN accounts_auditevent" not in plan
    assert "Seq Scan" not in plan
