"""Status lists are served from memory, and made anew with few statements."""

import time
import zlib
from collections import Counter
from datetime import timedelta
from functools import partial
from threading import Event, Semaphore

import pytest
from django.db import OperationalError, connection

from accounts import keyring, sessions
from accounts.models import Session
from accounts.status_lists import indices, signed_list
from accounts.status_lists.indices import SIZE
from accounts.status_lists.served_lists import RELOAD_SECONDS, ListUnavailable, ServedLists
from accounts.status_lists.signed_list import SignedList
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.core.status_lists import POLICY, decoded, is_ended, session_at, statements

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


def test_the_lists_read_first_are_forgotten(alice):
    session_at(alice, 200 * SIZE)
    node = ServedLists()
    for number in range(1, 140):
        node.get(number)
    assert (len(node._lists), 139 in node._lists, 1 in node._lists) == (128, True, False)
    assert zlib.decompress(node._lists[139].compressed) == b"\xff" * (SIZE // 8)
