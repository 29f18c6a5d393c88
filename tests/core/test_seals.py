"""The audit log is sealed every minute, and a later change of it is found."""

import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from accounts.audit import event_messages, seal_digests, seals, verification
from accounts.models import AuditEvent, AuditSeal, SealKey
from tests.audit_events import add_event, without_triggers
from tests.concurrency import at_once
from tests.core.sealed_log import found, tamper, verified

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
crowded = pytest.mark.django_db(transaction=True)
Kind = AuditEvent.Kind


def test_a_change_that_is_found_is_recorded(sealed_log):
    tamper("UPDATE LOG SET name = 'bob' WHERE id = %s", sealed_log[0].pk)
    found("was changed")
    event = AuditEvent.objects.get(kind=Kind.LOG_CHANGED)
    assert event.note.startswith(f"Event {sealed_log[0].pk} (login, ")
    assert "is not as it was sealed: Event" in event_messages.text(event)


def test_unchanged_events_agree_with_their_seals(sealed_log):
    add_event(Kind.LOGIN, name="later")
    printed = verified()
    assert printed.startswith(f"Sealed up to event {sealed_log[-1].pk}, at ")
    assert ": 4 events, all as they were written. Seal 2:" in printed
    assert "Not sealed yet: 1, from" in printed
    assert [seal.number for seal in AuditSeal.objects.order_by("pk")] == [1, 2]


def test_nothing_is_sealed_twice_and_an_empty_log_not_at_all(alice):
    assert (seals.seal(), verified()) == (0, "Nothing is sealed yet.\n")
    add_event(Kind.LOGIN, name="alice")
    assert (seals.seal(), seals.seal(), AuditSeal.objects.count()) == (1, 0, 1)


@crowded
def test_the_mail_worker_seals(sealed_log):
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
def test_an_event_that_was_changed_is_named(sealed_log, change):
    tamper("UPDATE LOG SET CHANGE WHERE id = %s".replace("CHANGE", change), sealed_log[0].pk)
    found(rf"^Event {sealed_log[0].pk} \(.*\) was changed after it was sealed at ")


def test_the_first_of_several_is_named(sealed_log):
    tamper("UPDATE LOG SET note = 'she never worked here' WHERE id >= %s", sealed_log[2].pk)
    found(f"^Event {sealed_log[2].pk} ")


def test_an_event_that_was_removed_or_put_in_is_named(sealed_log):
    number = sealed_log[1].pk
    tamper("DELETE FROM LOG WHERE id = %s", number)
    found(f"^Event {number} was removed after")
    later = add_event(Kind.LOGIN)
    tamper("UPDATE LOG SET id = %s WHERE id = %s", number, later.pk)
    found(rf"^Event {number} \(login, .*\) was changed")
    tamper("UPDATE LOG SET id = %s WHERE id = %s", sealed_log[0].pk - 1, number)
    found(rf"^Event {sealed_log[0].pk - 1} \(login, .*\) was put in")


def test_a_seal_that_was_changed_or_removed_is_named(sealed_log):
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


def test_a_seal_that_was_removed_with_its_events_is_named(sealed_log):
    add_event(Kind.LOGIN, name="later")
    seals.seal()
    tamper("DELETE FROM SEALS WHERE number = 2")
    tamper("DELETE FROM LOG WHERE id IN (%s, %s)", sealed_log[2].pk, sealed_log[3].pk)
    found(f"^Seal 2 was removed: events after {sealed_log[1].pk} cannot be compared")


def test_an_event_that_was_removed_from_its_seal_too_is_missed(sealed_log):
    kept = bytes(AuditSeal.objects.get(number=1).rows)[seals.ENTRY.size :]
    tamper("DELETE FROM LOG WHERE id = %s", sealed_log[0].pk)
    tamper("UPDATE SEALS SET rows = %s WHERE number = 1", kept)
    found("^Seal 1 was changed")


@pytest.mark.parametrize("chained", [False, True])
def test_a_seal_is_valid_behind_the_one_that_it_was_made_behind_and_no_other(sealed_log, chained):
    """An attacker changes an event, has it sealed anew, and puts the later seal back."""
    later = AuditSeal.objects.get(number=2)
    tamper("DELETE FROM SEALS")
    tamper("UPDATE LOG SET name = 'bob' WHERE id = %s", sealed_log[0].pk)
    assert seals._seal_next(seal_digests.key(), sealed_log[1].pk) == 2
    if chained:
        later.previous = AuditSeal.objects.get().digest
    with without_triggers():
        later.save(force_insert=True)
    found("^Seal 2 was changed, or was not made by this service")


def test_a_log_that_was_cut_off_is_found_by_a_seal_that_was_noted(sealed_log):
    noted = verified().split()[-1]
    assert verified(seal=noted)
    tamper("DELETE FROM SEALS WHERE number = 2")
    tamper("DELETE FROM LOG WHERE id >= %s", sealed_log[2].pk)
    verified()
    found("^The seal 2:.* is not there", seal=noted)


def test_the_database_without_the_key_cannot_seal(sealed_log, settings):
    tamper("UPDATE LOG SET name = 'bob' WHERE id = %s", sealed_log[0].pk)
    tamper("DELETE FROM SEALS")
    SealKey.objects.all().delete()
    settings.SECRET_KEY = "whatever somebody makes up who has not read the secret"
    seals.seal()
    settings.SECRET_KEY = "a secret for tests, of which nobody has to keep anything secret"
    found("^the key of the audit log's seals cannot be decrypted")


def test_a_key_that_was_removed_is_missed_and_none_made_in_its_place(sealed_log):
    SealKey.objects.all().delete()
    found("^The key of the seals was removed")
    assert not SealKey.objects.exists()


def test_another_secret_key_leaves_every_seal_good(sealed_log, settings):
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


@crowded
def test_of_many_workers_one_seals(sealed_log):
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
def test_the_database_takes_no_seal_but_the_next(sealed_log, wrong):
    add_event(Kind.LOGIN, name="later")
    last = AuditSeal.objects.get(number=2)
    made = seals._made(seal_digests.key(), last, seals.rows_between(last.up_to))
    for field, value in wrong.items():
        setattr(made, field, value)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        made.save(force_insert=True)
    assert (seals.seal(), verification.verify().events) == (1, 5)


def test_a_seal_cannot_be_changed_or_removed_by_the_product(sealed_log):
    for change in (lambda seals: seals.update(up_to=1), lambda seals: seals.delete()):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change(AuditSeal.objects.all())
    assert verification.verify().events == 4
