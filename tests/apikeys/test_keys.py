"""Audit events of API keys, the limit of keys per owner, and races."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import event_kinds
from accounts.mail import templates
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.request_context import RequestContext
from apikeys import keys, usage
from apikeys.end_reasons import EndReason
from apikeys.errors import AlreadyRotated, KeyNotFound, TooManyKeys
from apikeys.models import APIKey
from tests.apikeys.key_helpers import (
    DAY,
    concurrent,
    in_its_own_connection,
    key_of,
    missing,
    recorded_kinds,
    stored,
    use,
    works,
)
from tests.audit_events import reason_of
from tests.concurrency import at_once


@stored
def test_each_change_of_a_key_is_on_record(alice, owner):
    with request_context.use(
        RequestContext(address="192.0.2.7", request_id="abc", contract="camel")
    ):
        old, secret = keys.create(owner, "CI", ["profile"], None)
        new, _ = keys.rotate(owner, old.public_id, DAY)
        keys.delete(owner, new.public_id)
        keys.revoke_leaked(secret)
        keys.revoke_leaked(secret)
    events = AuditEvent.objects.filter(kind__startswith="key_").order_by("pk")
    assert [(event.kind, event.name, reason_of(event)) for event in events] == [
        ("key_created", old.public_id, ""),
        ("key_rotated", new.public_id, f"successor of {old.public_id}"),
        ("key_deleted", new.public_id, ""),
        ("key_leaked", old.public_id, ""),
    ]
    assert {(event.user, event.address, event.request_id, event.contract) for event in events} == {
        (alice, "192.0.2.7", "abc", "camel")
    }


@stored
def test_operators_can_filter_by_every_event_and_mail_about_keys(secret):
    use(secret)
    usage.write()
    keys.revoke_leaked(secret)
    assert set(recorded_kinds()) <= set(event_kinds.labels)
    assert set(OutgoingMail.objects.values_list("template", flat=True)) <= set(templates.labels)


@concurrent
@pytest.mark.parametrize("what", ["create", "rotate", "delete", "leaked"])
def test_a_change_of_a_key_that_cannot_be_recorded_does_not_happen(owner, what):
    """A key without a mail, or a rotation that cannot be repeated, would be worse than none."""
    key, secret = keys.create(owner, "CI", ["profile"], None)
    act = {
        "create": lambda: keys.create(owner, "another", ["profile"], None),
        "rotate": lambda: keys.rotate(owner, key.public_id, DAY),
        "delete": lambda: keys.delete(owner, key.public_id),
        "leaked": lambda: keys.revoke_leaked(secret),
    }[what]
    before = list(APIKey.objects.values())
    with missing("accounts_auditevent"), pytest.raises(DatabaseError):
        act()
    assert list(APIKey.objects.values()) == before


@concurrent
def test_a_report_of_a_leak_that_could_not_be_mailed_can_be_repeated(secret):
    with missing("accounts_outgoingmail"), pytest.raises(DatabaseError):
        keys.revoke_leaked(secret)
    keys.revoke_leaked(secret)
    assert OutgoingMail.objects.filter(template="key_leaked").count() == 1


@stored
def test_fifty_live_keys_and_no_more(alice, bob):
    made = [APIKey.objects.issue(alice.pk)[0] for _ in range(50)]
    with pytest.raises(TooManyKeys):
        APIKey.objects.issue(alice.pk)
    APIKey.objects.issue(bob.pk)
    APIKey.objects.filter(pk=made[0].pk).end(EndReason.DELETED)
    APIKey.objects.filter(pk=made[1].pk).update(expires_at=now())
    APIKey.objects.issue(alice.pk), APIKey.objects.issue(alice.pk)
    with pytest.raises(TooManyKeys):
        APIKey.objects.issue(alice.pk)


@stored
def test_a_rotation_beyond_the_fiftieth_key_leaves_the_old_one_as_it_was(alice, owner, secret):
    for _ in range(49):
        APIKey.objects.issue(alice.pk)
    with pytest.raises(TooManyKeys):
        keys.rotate(owner, key_of(secret).public_id, DAY)
    assert (key_of(secret).rotated_at, key_of(secret).expires_at) == (None, None)


@concurrent
def test_of_sixty_made_at_once_fifty_live(owner):
    """On SQLite some may wait for too long, and then make no key."""
    answers = at_once(*[lambda: keys.create(owner, "CI", ["profile"], None)] * 60)
    results = Counter(type(answer) for answer in answers)
    if connection.vendor == "sqlite":
        assert results.keys() <= {tuple, TooManyKeys, OperationalError}
        assert results[TooManyKeys] == 0 or results[tuple] == 50
    else:
        assert results == {tuple: 50, TooManyKeys: 10}
    assert APIKey.objects.live().count() == results[tuple] <= 50


@concurrent
def test_of_ten_made_at_once_beside_forty_five_five_are_made(alice, owner):
    for _ in range(45):
        APIKey.objects.issue(alice.pk)
    answers = at_once(*[lambda: keys.create(owner, "CI", ["profile"], None)] * 10)
    assert Counter(type(answer) for answer in answers) == {tuple: 5, TooManyKeys: 5}


class Uses:
    """A user of a key, who notes when each use began and whether it was accepted."""

    def __init__(self, secret):
        self.secret, self.seen, self.ended = secret, [], False

    def go_on(self):
        while not self.ended:
            begun = time.monotonic()
            self.seen.append((begun, works(self.secret)))

    def during(self, act):
        time.sleep(0.05)
        try:
            return act()
        finally:
            self.since = time.monotonic()
            time.sleep(0.05)
            self.ended = True


@concurrent
@pytest.mark.parametrize("how", ["deleted", "leaked", "deactivated"])
def test_a_key_that_is_ended_while_it_is_used_stops_at_once(alice, owner, secret, how):
    def deactivate():
        alice.is_active = False
        alice.save()

    end = {
        "deleted": lambda: keys.delete(owner, key_of(secret).public_id),
        "leaked": lambda: keys.revoke_leaked(secret),
        "deactivated": deactivate,
    }[how]
    uses = Uses(secret)
    assert at_once(*[uses.go_on] * 3, lambda: uses.during(end)) == [None] * 4
    after = [let_in for begun, let_in in uses.seen if begun > uses.since]
    assert any(let_in for _, let_in in uses.seen)
    assert after
    assert not any(after)


@concurrent
def test_a_key_that_is_rotated_while_it_is_used_never_fails(owner, secret):
    uses = Uses(secret)
    *_, (_, successor) = at_once(
        *[uses.go_on] * 3,
        lambda: uses.during(lambda: keys.rotate(owner, key_of(secret).public_id, DAY)),
    )
    assert all(let_in for _, let_in in uses.seen)
    assert works(successor)


@concurrent
def test_of_six_rotations_at_once_one_succeeds(owner, secret):
    answers = at_once(*[lambda: keys.rotate(owner, key_of(secret).public_id, DAY)] * 6)
    assert Counter(type(answer) for answer in answers) == {tuple: 1, AlreadyRotated: 5}
    assert APIKey.objects.live().count() == 2
    assert recorded_kinds("key_rotated") == ["key_rotated"]


@concurrent
def test_of_six_deletions_at_once_one_succeeds(owner, secret):
    answers = at_once(*[lambda: keys.delete(owner, key_of(secret).public_id)] * 6)
    assert Counter(type(answer) for answer in answers) == {type(None): 1, KeyNotFound: 5}
    assert recorded_kinds("key_deleted") == ["key_deleted"]


@concurrent
def test_of_six_reports_of_a_leak_at_once_all_succeed_and_one_is_mailed(secret):
    assert at_once(*[lambda: keys.revoke_leaked(secret)] * 6) == [None] * 6
    assert (
        OutgoingMail.objects.filter(template="key_leaked").count(),
        recorded_kinds("key_leaked"),
    ) == (
        1,
        ["key_leaked"],
    )


def overtaken(act, by):
    """Return the result of a call that has begun, and waits for another one."""
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            User.objects.select_for_update().get(username="alice")
            waiting = thread.submit(in_its_own_connection, act)
            time.sleep(0.3)
            by()
        error = waiting.exception()
        return error or waiting.result()


@concurrent
@pytest.mark.parametrize("act", ["create", "rotate"])
def test_a_key_made_while_its_owner_is_deactivated_is_not_revived(alice, owner, secret, act):
    """The two transactions do not wait for each other."""

    def deactivate():
        alice.is_active = False
        alice.save()

    make = {
        "create": lambda: keys.create(owner, "another", ["profile"], None),
        "rotate": lambda: keys.rotate(owner, key_of(secret).public_id, DAY),
    }
    answer = overtaken(make[act], by=deactivate)
    assert not isinstance(answer, OperationalError), answer
    alice.is_active = True
    alice.save()
    assert not APIKey.objects.live().exists()


@concurrent
def test_a_rotation_that_a_deletion_overtakes_finds_no_key(owner, secret):
    def delete():
        keys.delete(owner, key_of(secret).public_id)

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            delete()
            waiting = thread.submit(
                in_its_own_connection, lambda: keys.rotate(owner, key_of(secret).public_id, DAY)
            )
            time.sleep(0.3)
        assert isinstance(waiting.exception(), KeyNotFound)
    assert not APIKey.objects.live().exists()
