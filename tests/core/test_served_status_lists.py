"""Status lists are served from memory, and made anew with few statements."""

import time
import zlib
from collections import Counter
from datetime import timedelta
from functools import partial
from threading import Event, Semaphore

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from accounts import keyring, sessions
from accounts.models import Session
from accounts.status_lists import indices, signed_list
from accounts.status_lists.indices import SIZE
from accounts.status_lists.served_lists import RELOAD_SECONDS, ListUnavailable, ServedLists
from accounts.status_lists.signed_list import SignedList
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.core.status_lists import NEW, POLICY, decoded, is_ended, session_at, statements

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]


@pytest.fixture
def log_in(alice):
    return partial(sessions.open_session, POLICY, "alice", PASSWORD)


def test_a_list_is_read_with_few_statements_and_served_with_none(settings, log_in):
    """First the newest session, what is settled (two), live, ended and deleted ones."""
    log_in()
    node = ServedLists()
    assert [statements(lambda: node.get(1)) for _ in range(3)] == [6, 0, 0]
    assert statements(lambda: node.get(1)) == 0
    settings.STATUS_LIST_TTL = timedelta(seconds=0.2)
    time.sleep(0.1)
    assert statements(lambda: node.get(1)) == 2


def test_a_list_is_read_anew_as_a_whole_each_hour(log_in):
    """Then nobody asks what has ended since, as twice a minute otherwise: it may be too much."""
    log_in()
    node = ServedLists()
    node.get(1)
    node._checked_at -= 31
    assert [statements(lambda: node.get(1)) for _ in range(2)] == [2, 0]
    node._checked_at -= RELOAD_SECONDS
    node._lists[1].loaded_at -= RELOAD_SECONDS
    assert [statements(lambda: node.get(1)) for _ in range(2)] == [6, 0]


def test_a_list_is_there_after_its_last_session_was_deleted(settings, alice):
    session_at(alice, 5)
    last, node = session_at(alice, 2 * SIZE + 1), ServedLists()
    assert decoded(node, 3).at(indices.permuted(1)) == 0
    last.delete()
    settings.STATUS_LIST_TTL = timedelta(0)  # so that the next request looks
    assert decoded(node, 3).at(indices.permuted(1)) == 1


def test_a_list_that_nothing_changed_is_the_same_version_everywhere(settings, log_in):
    """It is as new as the last look, but who has an older one needs no other."""
    settings.STATUS_LIST_TTL = timedelta(seconds=1)
    log_in()
    one, other = ServedLists(), ServedLists()
    first = one.get(1)
    time.sleep(1)
    later = [one.get(1), other.get(1)]
    assert [each.issued > first.issued for each in later] == [True, True]
    versions = {each.expires: each.etag for each in (first, *later)}
    assert {each.etag for each in (first, *later)} == set(versions.values())
    Session.objects.all().revoke("logout")
    assert ServedLists().get(1).etag not in versions.values()


def test_a_list_that_is_about_to_expire_gets_another_version(db):
    """Otherwise a service would hear for ever that its expired list is still right."""
    first, soon, later = (signed_list.sign(1, b"", keyring.current(), at) for at in (0, 1, 300))
    assert (first.expires, soon.expires, later.expires) == (600, 600, 900)
    assert first.etag == soon.etag != later.etag


def test_no_list_is_signed_by_a_key_that_is_gone(log_in):
    node = ServedLists()
    before = node.get(1)
    keyring.rotate()
    assert node.get(1).kid == keyring.current().kid != before.kid
    assert node.get(1).etag != before.etag
    keyring.retire(before.kid)
    assert decoded(node).header["kid"] == keyring.current().kid
    assert statements(lambda: node.get(1)) == 0


def gone(execute, sql, params, many, context):
    raise OperationalError("gone")


def test_without_the_database_the_last_list_is_served_until_it_expires(settings, log_in):
    settings.STATUS_LIST_TTL = timedelta(seconds=0.2)
    issued, node, other = log_in(), ServedLists(), ServedLists()
    listed = node.get(1)
    with connection.execute_wrapper(gone):
        time.sleep(0.2)
        assert node.get(1) == listed
        with pytest.raises(ListUnavailable):
            other.get(1)
        while not listed.has_expired:
            time.sleep(0.1)
        with pytest.raises(ListUnavailable):
            node.get(1)
    assert not is_ended(ServedLists(), issued.access)


def test_not_every_request_asks_a_database_that_has_just_failed(db):
    node, asked = ServedLists(), []

    def gone(execute, sql, params, many, context):
        asked.append(sql)
        raise OperationalError("gone")

    with connection.execute_wrapper(gone):
        for _ in range(3):
            with pytest.raises(ListUnavailable):
                node.get(1)
    assert len(asked) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_one_request_reads_the_database_for_all(log_in):
    log_in()
    node = ServedLists()
    found = at_once(*[lambda: node.get(1)] * 4)
    assert len(set(map(id, found))) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_few_requests_wait_for_a_database_that_is_slow(log_in):
    """Of six that come while the first one asks, four wait, and two are refused at once."""
    log_in()
    node, asked, refused, go_on = ServedLists(), Event(), Semaphore(0), Event()

    def be_slow(execute, *arguments):
        asked.set()
        go_on.wait(10)
        return execute(*arguments)

    def ask_slowly():
        with connection.execute_wrapper(be_slow):
            return node.get(1)

    def ask():
        asked.wait(10)
        try:
            return node.get(1)
        except ListUnavailable:
            refused.release()
            return None

    def let_go_on():
        assert all(refused.acquire(timeout=10) for _ in range(2))
        go_on.set()

    found = at_once(ask_slowly, let_go_on, *[ask] * 6)
    assert Counter(type(each) for each in found) == {SignedList: 5, type(None): 3}


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_while_the_database_hangs_everybody_has_the_last_list(settings, log_in):
    """Only the request that asks waits, whatever else has become old: the look, the list, a key."""
    settings.STATUS_LIST_TTL = timedelta(seconds=2)
    log_in()
    node, asked, go_on = ServedLists(), Event(), Event()
    listed = node.get(1)
    node._checked_at -= 10
    keyring.forget()

    def hang(*_):
        asked.set()
        assert go_on.wait(10)
        raise OperationalError("gone")

    def ask_in_vain():
        with connection.execute_wrapper(hang):
            return node.get(1)

    def ask():
        assert asked.wait(10)
        with connection.execute_wrapper(gone):
            found = [node.get(1) for _ in range(20)], node.fresh_seconds(listed)
        go_on.set()
        return found

    assert at_once(ask_in_vain, ask) == [listed, ([listed] * 20, 1)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_a_request_that_waited_in_vain_lets_no_others_wait(log_in):
    """It takes the database for failed, until the one that asks it has an answer."""
    log_in()
    node = ServedLists()
    assert node._lock.acquire()
    found = at_once(lambda: node.get(1), lambda: node.get(1))
    assert [type(each) for each in found] == [ListUnavailable] * 2
    assert node._has_failed
    node._lock.release()
    with CaptureQueriesContext(connection) as captured, pytest.raises(ListUnavailable):
        node.get(1)
    assert len(captured) == 0
    assert node._updated(1, may_wait=True) is None
    assert node._signed(1).issued
    assert not node._has_failed


def test_a_list_from_before_the_last_look_is_not_said_to_be_fresh(alice):
    """Another request asked the database for another list."""
    session_at(alice, SIZE)
    node = ServedLists()
    listed = node.get(1)
    assert node.fresh_seconds(listed) > 1
    node._checked_time += 40
    assert node.fresh_seconds(listed) == 1


def test_the_lists_used_least_recently_are_forgotten(alice):
    sessions_of_lists = [Session(status_index=at * SIZE, **NEW, user=alice) for at in range(130)]
    Session.objects.bulk_create(sessions_of_lists)
    node = ServedLists()
    for number in range(1, 131):
        node.get(number)
        node.get(1)
    assert (len(node._lists), {2, 3} & {*node._lists}) == (128, set())
    assert {1, 4, 130} < {*node._lists}


def test_lists_of_sessions_that_are_gone_are_kept_for_good(alice):
    """They take the place of no other list, and share their bits."""
    session_at(alice, 140 * SIZE)
    node = ServedLists()
    node.get(141)
    for number in range(1, 141):
        node.get(number)
    assert len(node._lists) == 141
    assert len({id(node._lists[number].bitmap) for number in range(1, 141)}) == 1
    assert zlib.decompress(node._lists[139].compressed) == b"\xff" * (SIZE // 8)
    for each in node._lists.values():
        each.loaded_at -= 4000
    assert [statements(lambda at=at: node.get(at)) for at in (1, 140)] == [0, 0]
    node._checked_at -= 100
    assert statements(lambda: node.get(1)) == 2
    node._checked_at -= 100
    assert statements(lambda: node.get(141)) == 2 + 5
