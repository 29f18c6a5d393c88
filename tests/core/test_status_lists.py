"""Token status lists: which sessions they show as ended, when, and in whose order."""

import time
import zlib
from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import pairwise
from threading import Event, Semaphore

import jwt
import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework_simplejwt.exceptions import TokenError

from accounts import identities, keyring, password_reset, passwords, refresh, sessions
from accounts.errors import InvalidRefreshToken
from accounts.models import DeletedSession, Session, StatusListSeed, User
from accounts.policy import Policy
from accounts.privacy import erasure, retention
from accounts.status_lists import indices, signed_list
from accounts.status_lists.indices import SIZE
from accounts.status_lists.served_lists import ListUnavailable, ServedLists, UnknownList
from accounts.status_lists.signed_list import SignedList
from accounts.tokens import AccessToken
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.status_list_decoder import Decoded

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]

POLICY = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365), rotates=True)
NEW = "a new and better password"
LONG_AGO = now() - timedelta(days=1)
# 100,000 sessions of the fifth list, numbered without a gap; every hundredth is made to end.
FIRST, MANY = 4 * SIZE, 100_000
INSERT = """
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < %s)
    INSERT INTO accounts_session (id, user_id, contract, created_at, last_used_at, expires_at,
        user_agent, refresh_jti, previous_jti, revoked_why, status_index, revoked_at)
    SELECT {id}, %s, 'form', %s, %s, %s, '', '', '', '', n + %s,
        CASE WHEN n %% 100 = 7 THEN {time} END FROM numbers"""
WORDS = {
    "postgresql": {"id": "gen_random_uuid()", "time": "%s::timestamptz"},
    "sqlite": {"id": "lower(hex(randomblob(16)))", "time": "%s"},
}


def decoded(node: ServedLists, number: int = 1) -> Decoded:
    return Decoded(node.get(number).token, keyring.jwks())


def reference(access: str) -> dict:
    return jwt.decode(access, options={"verify_signature": False})["status"]["status_list"]


def is_ended(node: ServedLists, access: str) -> bool:
    number = int(reference(access)["uri"].rpartition("/")[2])
    return bool(decoded(node, number).status(access))


@pytest.fixture
def log_in(alice):
    return partial(sessions.open_session, POLICY, "alice", PASSWORD)


def session_at(user: User, status_index: int, **fields) -> Session:
    usual = {"last_used_at": LONG_AGO, "expires_at": now() + timedelta(days=300)}
    session = Session.objects.create(
        user=user, contract="form", status_index=status_index, **usual | fields
    )
    Session.objects.filter(pk=session.pk).update(created_at=fields.get("created_at", LONG_AGO))
    return session


# What a list says


def test_a_decoder_agrees_on_every_index_of_100_000_sessions(alice):
    """One in a hundred has ended; ten more were deleted, and the rest of the list is unused."""
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(**WORDS[connection.vendor]),
            [MANY, alice.pk, LONG_AGO, LONG_AGO, now() + timedelta(days=9), FIRST, LONG_AGO],
        )
    gone = range(FIRST + 500, FIRST + 510)
    Session.objects.filter(status_index__in=gone).delete()
    listed = decoded(ServedLists(), 5)
    ended = {n for n in range(MANY) if n % 100 == 7} | {n - FIRST for n in gone}
    wrong = [n for n in range(SIZE) if listed.at(indices.permuted(n)) != (n in ended)]
    assert (wrong, len(listed.bits), len(ended)) == ([], SIZE // 8, 1010 - 1)


def test_the_example_of_the_draft_is_the_same_stream_of_bits():
    """Section 4.1: sixteen statuses of one bit, the lowest bit first."""
    statuses = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    bits = sum(status << place for place, status in enumerate(statuses)).to_bytes(2, "little")
    printed = jwt.utils.base64url_decode(b"eNrbuRgAAhcBXQ")
    assert zlib.decompress(printed) == zlib.decompress(signed_list.compress(bits)) == bits


def test_a_list_is_signed_by_a_published_key_and_says_what_it_is(log_in):
    listed = decoded(ServedLists())
    assert (listed.header["typ"], listed.header["alg"]) == ("statuslist+jwt", "ES256")
    assert listed.claims.keys() == {"sub", "iat", "exp", "ttl", "status_list"}
    assert listed.claims["sub"] == "http://testserver/statuslists/1"
    assert (listed.claims["ttl"], listed.claims["status_list"]["bits"]) == (60, 1)
    assert 300 <= listed.claims["exp"] - listed.claims["iat"] <= 600


def test_no_service_takes_a_list_for_an_access_token(log_in):
    """Both are signed by one key: a list has no issuer, which every verifier looks for."""
    token = ServedLists().get(1).token.decode()
    key = jwt.PyJWKSet.from_dict(keyring.jwks())[jwt.get_unverified_header(token)["kid"]]
    with pytest.raises(jwt.MissingRequiredClaimError):
        jwt.decode(token, key, algorithms=["ES256"], issuer="http://testserver")
    with pytest.raises(TokenError):
        AccessToken.read(token)


def test_a_number_that_was_just_taken_is_valid(alice):
    """The rows of 11 and 13 may not be committed yet; that of 9 was deleted long ago."""
    session_at(alice, 10)
    session_at(alice, 12, created_at=now())
    listed = decoded(ServedLists())
    assert [listed.at(indices.permuted(n)) for n in (9, 10, 11, 12, 13)] == [1, 0, 0, 0, 0]


def test_a_list_that_is_over_shows_all_that_is_not_there_as_ended(alice):
    """Pruned or erased: of a whole list two sessions are left, one of them live."""
    session_at(alice, 5)
    session_at(alice, 6, revoked_at=LONG_AGO)
    session_at(alice, SIZE + 1)
    listed = decoded(ServedLists())
    valid = {n for n in range(SIZE) if not listed.at(n)}
    assert valid == {indices.permuted(5)}
    assert len(ServedLists().get(1).token) < 500


def test_an_unknown_list_is_refused_and_the_next_one_is_there(alice):
    """A login may have begun the next list after this node last looked."""
    session_at(alice, 2 * SIZE + 1)
    node = ServedLists()
    assert {node.get(3).kid, node.get(4).kid} == {keyring.current().kid}
    for number in (5, 10**12):
        with pytest.raises(UnknownList):
            node.get(number)


# Who has which place


def test_the_order_of_a_list_is_a_permutation_that_tells_nothing():
    places = [indices.permuted(n) for n in range(SIZE)]
    assert sorted(places) == list(range(SIZE))
    steps = Counter((b - a) % SIZE for a, b in pairwise(places))
    assert max(steps.values()) < 20  # no step between two logins is usual


def test_all_nodes_have_one_order(db):
    places = [indices.permuted(n) for n in range(100)]
    indices._tables.cache_clear()
    assert StatusListSeed.objects.count() <= 1
    again = [indices.permuted(n) for n in range(100)]
    indices._tables.cache_clear()
    assert (StatusListSeed.objects.count(), again) == (1, [indices.permuted(n) for n in range(100)])
    assert len(set(places)) == 100


def test_a_session_keeps_its_place_through_a_refresh(log_in):
    issued = log_in()
    again = refresh.refresh_session(POLICY, issued.refresh)
    assert reference(issued.access) == reference(again.access)
    assert reference(log_in().access) != reference(issued.access)
    for token in (issued.refresh, again.refresh, again.identity):
        assert "status" not in jwt.decode(token, options={"verify_signature": False})


def test_the_place_of_a_deleted_session_is_not_given_again(log_in):
    first = reference(log_in().access)
    Session.objects.all().delete()
    assert reference(log_in().access) != first


def test_a_session_from_before_has_no_place(log_in):
    issued = log_in()
    Session.objects.update(status_index=None)
    again = refresh.refresh_session(POLICY, issued.refresh)
    assert "status" not in jwt.decode(again.access, options={"verify_signature": False})
    assert identities.identify(again.access).username == "alice"


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_logins_at_once_have_different_places(log_in):
    issued = at_once(*[log_in] * 8)
    assert len({reference(each.access)["idx"] for each in issued}) == 8


# What ended shows


def ways_to_end() -> dict:
    """Return what ends the session of a user, by its name."""

    def reuse(user, issued):
        refresh.refresh_session(POLICY, issued.refresh)
        Session.objects.filter(user=user).update(rotated_at=LONG_AGO)
        with pytest.raises(InvalidRefreshToken):
            refresh.refresh_session(POLICY, issued.refresh)

    def deactivate(user, issued):
        user.is_active = False
        user.save()

    def prune(user, issued):
        Session.objects.filter(user=user).revoke("revoked")
        retention.prune(timedelta(0))

    return {
        "logout": lambda user, issued: sessions.log_out(identities.identify(issued.access)),
        "revoke": lambda user, issued: sessions.revoke(issued.refresh),
        "reset": lambda user, issued: password_reset.use_token(
            password_reset.make(user).token, NEW
        ),
        "password_change": lambda user, issued: passwords.change(user.pk, PASSWORD, NEW),
        "reuse": reuse,
        "deactivation": deactivate,
        "erasure": lambda user, issued: erasure.erase(user),
        "deletion": lambda user, issued: user.sessions.all().delete(),
        "pruning": prune,
    }


def test_each_end_of_a_session_shows_within_one_ttl_on_every_node(settings, alice, olga):
    settings.STATUS_LIST_TTL = timedelta(seconds=1)
    ended = ways_to_end()
    users = {name: User.objects.create_user(name, PASSWORD) for name in [*ended, "goes_on"]}
    issued = {name: sessions.open_session(POLICY, name, PASSWORD) for name in users}
    nodes = [ServedLists(), ServedLists()]
    for node in nodes:
        assert not any(is_ended(node, each.access) for each in issued.values())
    for name, end in ended.items():
        end(users[name], issued[name])
    time.sleep(1)
    for node in [*nodes, ServedLists()]:
        shown = {name for name, each in issued.items() if is_ended(node, each.access)}
        assert shown == set(ended)


def test_a_change_that_one_request_finds_shows_in_every_list(settings, alice):
    for number in (5, SIZE + 5):
        session_at(alice, number)
    node = ServedLists()
    assert [decoded(node, n).at(indices.permuted(5)) for n in (1, 2)] == [0, 0]
    Session.objects.all().revoke("logout")
    settings.STATUS_LIST_TTL = timedelta(0)  # so that the next request looks
    assert decoded(node, 1).at(indices.permuted(5)) == 1
    settings.STATUS_LIST_TTL = timedelta(seconds=60)
    assert statements(lambda: node.get(2)) == 0
    assert decoded(node, 2).at(indices.permuted(5)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.races
def test_a_logout_that_is_committed_late_shows(settings, log_in):
    """Its time is that of the statement, and the list was made twice meanwhile."""
    settings.STATUS_LIST_TTL = timedelta(seconds=1)
    issued, node = log_in(), ServedLists()
    before = []

    def look():
        for _ in range(2):
            before.append(is_ended(node, issued.access))
            time.sleep(0.5)

    with transaction.atomic():
        Session.objects.all().revoke("logout")
        at_once(look)
    time.sleep(0.5)
    assert (before, is_ended(node, issued.access)) == ([False, False], True)


def test_a_deleted_session_leaves_its_number_until_its_tokens_have_expired(alice):
    session_at(alice, 5)
    session_at(alice, 6, revoked_at=LONG_AGO - timedelta(days=1))  # in every list, and 7 is newer
    session_at(alice, 7, expires_at=LONG_AGO, created_at=now())
    Session.objects.filter(status_index__lt=7).delete()
    Session.objects.all().delete()
    assert [*DeletedSession.objects.values_list("status_index", flat=True)] == [5]
    DeletedSession.objects.update(expires_at=LONG_AGO)
    assert retention.prune(timedelta(days=30))["accounts.DeletedSession"] == 1


# Serving


def statements(call) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def test_a_list_is_read_with_few_statements_and_served_with_none(settings, log_in):
    """First the newest session, what is settled (two), live, ended and deleted ones."""
    log_in()
    node = ServedLists()
    assert [statements(lambda: node.get(1)) for _ in range(3)] == [6, 0, 0]
    assert statements(lambda: node.get(1)) == 0
    settings.STATUS_LIST_TTL = timedelta(seconds=0.2)
    time.sleep(0.1)
    assert statements(lambda: node.get(1)) == 2


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


def test_no_list_is_signed_by_a_key_that_is_gone(log_in):
    node = ServedLists()
    before = node.get(1).kid
    keyring.rotate()
    assert node.get(1).kid == keyring.current().kid != before
    keyring.retire(before)
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
