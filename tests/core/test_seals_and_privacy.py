"""Erasure and retention leave a sealed audit log that agrees with its seals."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils.timezone import now

from accounts.audit import seal_digests, seals
from accounts.models import AuditEvent, AuditSeal, ErasedValue, User
from accounts.privacy import erased_events, erasure
from tests.audit_events import add_event
from tests.core.sealed_log import found, tamper, verified

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind
OLD = timedelta(days=400)


# Erasure


def test_an_erasure_is_no_change(sealed_log, alice, olga):
    erasure.erase(alice, actor=olga, reason="she asked")
    seals.seal()
    assert ": 5 events, all as they were written" in verified()
    User.objects.create_superuser("otto", "whatever it is that he chose")
    erasure.erase(olga, reason="left too")
    add_event(Kind.LOGIN, name="later")
    seals.seal()
    assert ": 7 events, all as they were written" in verified()
    assert not ErasedValue.objects.filter(event_id=sealed_log[3].pk).exists()


def test_events_that_are_erased_before_they_are_sealed(alice):
    add_event(Kind.LOGIN, user_id=alice.pk, name="alice", address="192.0.2.7")
    erasure.erase(alice, reason="she asked")
    seals.seal()
    assert ": 2 events, all" in verified()


@pytest.mark.parametrize(
    "change",
    [
        "name = 'erased-0000'",
        "note = 'harmless'",
        "address = '192.0.2.9'",
        "user_id = (SELECT MAX(id) FROM accounts_user)",
    ],
)
def test_a_change_of_an_erased_event_is_found(sealed_log, alice, change):
    erasure.erase(alice, reason="she asked")
    tamper("UPDATE LOG SET CHANGE WHERE id = %s".replace("CHANGE", change), sealed_log[0].pk)
    found(rf"^Event {sealed_log[0].pk} \(login, .*\) was ")


def test_dressed_up_as_erased_is_changed_even_with_an_event(sealed_log, alice, bob):
    erasure.erase(bob, reason="asked")
    stand_in = AuditEvent.objects.get(kind=Kind.ERASED).name
    tamper(
        "UPDATE LOG SET user_id = NULL, address = NULL, name = %s WHERE id = %s",
        stand_in,
        sealed_log[0].pk,
    )
    found(rf"^Event {sealed_log[0].pk} \(login, .*\) was changed")


def test_the_digests_that_an_erasure_keeps_do_not_tell_the_user(sealed_log, alice):
    erasure.erase(alice, reason="she asked")
    kept = {bytes(value.digest) for value in ErasedValue.objects.filter(event_id=sealed_log[0].pk)}
    assert kept == {
        seal_digests.digest_of_value(seal_digests.key(), sealed_log[0].pk, field, value)
        for field, value in _personal(sealed_log[0])
    }
    assert kept.isdisjoint(
        {
            seal_digests.digest_of_value(b"\0" * 32, sealed_log[0].pk, field, value)
            for field, value in _personal(sealed_log[0])
        }
    )


def _personal(event):
    return [("user_id", event.user_id), ("name", "alice"), ("address", "192.0.2.7")]


def test_an_erasure_in_many_batches(alice, monkeypatch):
    monkeypatch.setattr(erased_events, "EVENTS_PER_UPDATE", 2)
    for _ in range(5):
        add_event(Kind.LOGIN, user_id=alice.pk, name="alice", address="192.0.2.7")
    seals.seal()
    assert erased_events.erase(alice, "erased-1f") == 5
    assert AuditEvent.objects.filter(kind=Kind.ERASED).count() == 3
    assert ": 5 events" in verified()


# Retention


def test_retention_deletes_events_with_their_seals(settings, sealed_log):
    for days in (400, 380, 300):
        add_event(Kind.LOGIN, name=f"{days}", at=now() - timedelta(days=days))
    settings.AUDIT_RETENTION = timedelta(days=90)
    call_command("prune")
    assert ": 7 events" in verified(), (
        "what is older than the log's beginning is not at its beginning"
    )


def test_the_beginning_of_the_log_is_deleted_by_retention(settings, alice):
    for days in (400, 380, 300, 1):
        add_event(Kind.LOGIN, user_id=alice.pk, name=f"{days}", at=now() - timedelta(days=days))
    seals.seal()
    erased_events.erase(alice, "erased-1f")
    settings.AUDIT_RETENTION = timedelta(days=365)
    call_command("prune")
    assert AuditEvent.objects.exclude(kind=Kind.ERASED).count() == 2
    assert "3 events, all as they were written" in verified()
    assert "were deleted by AUDIT_RETENTION" in verified()
    assert ErasedValue.objects.values("event_id").distinct().count() == 2
    settings.AUDIT_RETENTION = timedelta(days=390)
    found("although they were younger than AUDIT_RETENTION")
    settings.AUDIT_RETENTION = None
    found("although AUDIT_RETENTION is not set")


def test_a_log_of_old_events_alone_goes_and_its_chain_goes_on(settings):
    settings.AUDIT_RETENTION = timedelta(days=365)
    for name in ("a", "b"):
        add_event(Kind.LOGIN, name=name, at=now() - OLD)
        call_command("prune")
        assert (AuditEvent.objects.count(), AuditSeal.objects.count()) == (0, 1)
        verified()
    assert AuditSeal.objects.get().number == 2
