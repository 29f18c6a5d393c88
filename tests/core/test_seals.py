"""The audit log is sealed every minute, and a later change of it is found."""

import io
import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import audit_log, event_messages, seal_digests, seals, verification
from accounts.models import AuditEvent, AuditSeal, ErasedValue, SealKey, User
from accounts.privacy import erased_events, erasure
from accounts.request_context import RequestContext
from tests.audit_events import add_event, without_triggers
from tests.concurrency import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
crowded = pytest.mark.django_db(transaction=True)
Kind = AuditEvent.Kind
OLD = timedelta(days=400)


def verified(**options):
    out = io.StringIO()
    call_command("verify_audit_log", stdout=out, **options)
    return out.getvalue()


def found(match, **options):
    with pytest.raises(CommandError, match=match) as refusal:
        verified(**options)
    assert refusal.value.returncode == 1


def tamper(statement, *parameters):
    """The owner of the tables switches the triggers off."""
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute(
            statement.replace("LOG", "accounts_auditevent").replace("SEALS", "accounts_auditseal"),
            parameters,
        )


@pytest.fixture
def log(alice, olga):
    """Four events, the last two under a seal of their own."""
    with request_context.use(
        RequestContext(address="192.0.2.7", request_id="r1", contract="bearer")
    ):
        audit_log.record(Kind.LOGIN, user=alice)
        audit_log.record(Kind.LOGIN_FAILED, name=" ALICE ", reason="wrong_password")
        seals.seal()
        audit_log.record(
            Kind.DEACTIVATED, user=alice, actor=olga, note="she left", data={"of": [1, "ä"]}
        )
        audit_log.record(
            Kind.LOGIN_FAILED, name="alcie", session=UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        )
        seals.seal()
    return list(AuditEvent.objects.order_by("pk"))


def test_a_change_that_is_found_is_recorded(log):
    tamper("UPDATE LOG SET name = 'bob' WHERE id = %s", log[0].pk)
    found("was changed")
    event = AuditEvent.objects.get(kind=Kind.LOG_CHANGED)
    assert event.note.startswith(f"Event {log[0].pk} (login, ")
    assert "is not as it was sealed: Event" in event_messages.text(event)


def test_unchanged_events_agree_with_their_seals(log):
    add_event(Kind.LOGIN, name="later")
    printed = verified()
    assert printed.startswith(f"Sealed up to event {log[-1].pk}, at ")
    assert ": 4 events, all as they were written. Seal 2:" in printed
    assert "Not sealed yet: 1, from" in printed
    assert [seal.number for seal in AuditSeal.objects.order_by("pk")] == [1, 2]


def test_nothing_is_sealed_twice_and_an_empty_log_not_at_all(alice):
    assert (seals.seal(), verified()) == (0, "Nothing is sealed yet.\n")
    add_event(Kind.LOGIN, name="alice")
    assert (seals.seal(), seals.seal(), AuditSeal.objects.count()) == (1, 0, 1)


@crowded
def test_the_mail_worker_seals(log):
    add_event(Kind.LOGIN, name="later")
    call_command("deliver_mail", once=True)
    assert AuditSeal.objects.order_by("-pk")[0].up_to == AuditEvent.objects.order_by("-pk")[0].pk


@pytest.mark.parametrize(
    "change",
    [
        "at = '2020-01-01 00:00:00+00:00'",
        "kind = 'login_failed'",
        "user_id = NULL",
        "name = 'bob'",
        "address = '192.0.2.8'",
        "address = NULL",
        "contract = 'form'",
        "request_id = 'r2'",
        "reason = 'no_such_account'",
        "data = '{\"a\": 1}'",
        "note = 'erased'",
        "session = '6ba7b8109dad11d180b400c04fd430c8'",
        "name = 'erased-1f', user_id = NULL, address = NULL",
    ],
)
def test_an_event_that_was_changed_is_named(log, change):
    tamper("UPDATE LOG SET CHANGE WHERE id = %s".replace("CHANGE", change), log[0].pk)
    found(rf"^Event {log[0].pk} \(.*\) was changed after it was sealed at ")


def test_the_first_of_several_is_named(log):
    tamper("UPDATE LOG SET note = 'she never worked here' WHERE id >= %s", log[2].pk)
    found(f"^Event {log[2].pk} ")


def test_an_event_that_was_removed_or_put_in_is_named(log):
    number = log[1].pk
    tamper("DELETE FROM LOG WHERE id = %s", number)
    found(f"^Event {number} was removed after")
    later = add_event(Kind.LOGIN)
    tamper("UPDATE LOG SET id = %s WHERE id = %s", number, later.pk)
    found(rf"^Event {number} \(login, .*\) was changed")
    tamper("UPDATE LOG SET id = %s WHERE id = %s", log[0].pk - 1, number)
    found(rf"^Event {log[0].pk - 1} \(login, .*\) was put in")


def test_a_seal_that_was_changed_or_removed_is_named(log):
    sealed = AuditSeal.objects.get(number=1)
    tamper("UPDATE SEALS SET up_to = up_to - 1 WHERE number = 2")
    found("^Seal 2 was changed")
    tamper("UPDATE SEALS SET up_to = up_to + 1 WHERE number = 2")
    verified()
    tamper("DELETE FROM SEALS WHERE number = 1")
    found(
        f"^Events up to {sealed.up_to} were removed together with their seals, "
        "although AUDIT_RETENTION is not set"
    )


def test_a_seal_that_was_removed_with_its_events_is_named(log):
    add_event(Kind.LOGIN, name="later")
    seals.seal()
    tamper("DELETE FROM SEALS WHERE number = 2")
    tamper("DELETE FROM LOG WHERE id IN (%s, %s)", log[2].pk, log[3].pk)
    found(f"^Seal 2 was removed: events after {log[1].pk} cannot be compared")


def test_an_event_that_was_removed_from_its_seal_too_is_missed(log):
    kept = bytes(AuditSeal.objects.get(number=1).rows)[seals.ENTRY.size :]
    tamper("DELETE FROM LOG WHERE id = %s", log[0].pk)
    tamper("UPDATE SEALS SET rows = %s WHERE number = 1", kept)
    found("^Seal 1 was changed")


@pytest.mark.parametrize("chained", [False, True])
def test_a_seal_is_valid_behind_the_one_that_it_was_made_behind_and_no_other(log, chained):
    """An attacker changes an event, has it sealed anew, and puts the later seal back."""
    later = AuditSeal.objects.get(number=2)
    tamper("DELETE FROM SEALS")
    tamper("UPDATE LOG SET name = 'bob' WHERE id = %s", log[0].pk)
    assert seals._seal_next(seal_digests.key(), log[1].pk) == 2
    if chained:
        later.previous = AuditSeal.objects.get().digest
    with without_triggers():
        later.save(force_insert=True)
    found("^Seal 2 was changed, or was not made by this service")


def test_a_log_that_was_cut_off_is_found_by_a_seal_that_was_noted(log):
    noted = verified().split()[-1]
    assert verified(seal=noted)
    tamper("DELETE FROM SEALS WHERE number = 2")
    tamper("DELETE FROM LOG WHERE id >= %s", log[2].pk)
    verified()
    found("^The seal 2:.* is not there", seal=noted)


def test_the_database_without_the_key_cannot_seal(log, settings):
    tamper("UPDATE LOG SET name = 'bob' WHERE id = %s", log[0].pk)
    tamper("DELETE FROM SEALS")
    SealKey.objects.all().delete()
    settings.SECRET_KEY = "whatever somebody makes up who has not read the secret"
    seals.seal()
    settings.SECRET_KEY = "a secret for tests, of which nobody has to keep anything secret"
    found("^the key of the audit log's seals cannot be decrypted")


def test_a_key_that_was_removed_is_missed_and_none_made_in_its_place(log):
    SealKey.objects.all().delete()
    found("^The key of the seals was removed")
    assert not SealKey.objects.exists()


def test_another_secret_key_leaves_every_seal_good(log, settings):
    before = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = (
        "another secret key, of more than 32 letters",
        [before],
    )
    add_event(Kind.LOGIN, name="later")
    seals.seal()
    assert ": 5 events" in verified()
    call_command("reencrypt")
    settings.SECRET_KEY_FALLBACKS = []
    assert ": 5 events" in verified()


# Erasure


def test_an_erasure_is_no_change(log, alice, olga):
    erasure.erase(alice, actor=olga, reason="she asked")
    seals.seal()
    assert ": 5 events, all as they were written" in verified()
    User.objects.create_superuser("otto", "whatever it is that he chose")
    erasure.erase(olga, reason="left too")
    add_event(Kind.LOGIN, name="later")
    seals.seal()
    assert ": 7 events, all as they were written" in verified()
    assert not ErasedValue.objects.filter(event_id=log[3].pk).exists()


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
def test_a_change_of_an_erased_event_is_found(log, alice, change):
    erasure.erase(alice, reason="she asked")
    tamper("UPDATE LOG SET CHANGE WHERE id = %s".replace("CHANGE", change), log[0].pk)
    found(rf"^Event {log[0].pk} \(login, .*\) was ")


def test_dressed_up_as_erased_is_changed_even_with_an_event(log, alice, bob):
    erasure.erase(bob, reason="asked")
    stand_in = AuditEvent.objects.get(kind=Kind.ERASED).name
    tamper(
        "UPDATE LOG SET user_id = NULL, address = NULL, name = %s WHERE id = %s",
        stand_in,
        log[0].pk,
    )
    found(rf"^Event {log[0].pk} \(login, .*\) was changed")


def test_the_digests_that_an_erasure_keeps_do_not_tell_the_user(log, alice):
    erasure.erase(alice, reason="she asked")
    kept = {bytes(value.digest) for value in ErasedValue.objects.filter(event_id=log[0].pk)}
    assert kept == {
        seal_digests.digest_of_value(seal_digests.key(), log[0].pk, field, value)
        for field, value in _personal(log[0])
    }
    assert kept.isdisjoint(
        {
            seal_digests.digest_of_value(b"\0" * 32, log[0].pk, field, value)
            for field, value in _personal(log[0])
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


def test_retention_deletes_events_with_their_seals(settings, log):
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


# At once


@crowded
def test_of_many_workers_one_seals(log):
    for _ in range(3):
        add_event(Kind.LOGIN, name="later")
        answers = at_once(*[seals.seal] * 4)
        assert sorted(answers) == [0, 0, 0, 1]
    assert ": 7 events, all as they were written" in verified()


@crowded
@pytest.mark.postgresql
def test_a_row_that_is_committed_late_is_in_the_seal(alice):
    """Its id is lower than that of a visible event: the seal waits for it, or is made next time."""
    added, commit = threading.Event(), threading.Event()

    def slowly():
        with transaction.atomic():
            add_event(Kind.LOGIN, user_id=alice.pk, name="late")
            added.set()
            commit.wait(30)

    def meanwhile():
        added.wait(30)
        add_event(Kind.LOGIN, user_id=alice.pk, name="early")
        nothing = seals.seal(timedelta(seconds=0.2))
        commit.set()
        return nothing

    assert at_once(slowly, meanwhile)[1] == 0
    assert seals.seal() == 2
    assert ": 2 events, all as they were written" in verified()


def test_seals_are_small_and_end_with_the_day(monkeypatch):
    monkeypatch.setattr(seals, "MAX_EVENTS_PER_SEAL", 3)
    for hours in (49, 48, 24, 24, 24, 24, 24, 24):
        add_event(Kind.LOGIN, name="alice", at=now().replace(hour=1) - timedelta(hours=hours))
    assert seals.seal(None) == 8
    assert [len(bytes(seal.rows)) // 24 for seal in AuditSeal.objects.order_by("pk")] == [2, 3, 3]
    assert ": 8 events" in verified()


@pytest.mark.parametrize(
    "wrong",
    [{"number": 9}, {"after": 0}, {"up_to": 2**62}, {"previous": b"x"}, {"previous_at": now()}],
)
def test_the_database_takes_no_seal_but_the_next(log, wrong):
    add_event(Kind.LOGIN, name="later")
    last = AuditSeal.objects.get(number=2)
    made = seals._made(seal_digests.key(), last, seals.rows_between(last.up_to))
    for field, value in wrong.items():
        setattr(made, field, value)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        made.save(force_insert=True)
    assert (seals.seal(), verification.verify().events) == (1, 5)


def test_a_seal_cannot_be_changed_or_removed_by_the_product(log):
    for change in (lambda seals: seals.update(up_to=1), lambda seals: seals.delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change(AuditSeal.objects.all())
    assert verification.verify().events == 4
