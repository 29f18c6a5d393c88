"""Token status lists: which sessions they show as ended, when, and in whose order."""

import time
import zlib
from collections import Counter
from datetime import timedelta
from functools import partial
from itertools import pairwise

import jwt
import pytest
from django.db import connection, transaction
from django.utils.timezone import now
from rest_framework_simplejwt.exceptions import TokenError

from accounts import identities, keyring, password_reset, passwords, refresh, sessions
from accounts.errors import InvalidRefreshToken
from accounts.models import DeletedSession, Session, StatusListSeed, User
from accounts.privacy import erasure, retention
from accounts.status_lists import indices, signed_list
from accounts.status_lists.indices import SIZE
from accounts.status_lists.served_lists import ServedLists, UnknownList
from accounts.tokens import AccessToken
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.core.status_lists import (
    LONG_AGO,
    POLICY,
    decoded,
    is_ended,
    reference,
    session_at,
    statements,
)

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
NEW = "a new and better password"
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


@pytest.fixture
def log_in(alice):
    return partial(sessions.open_session, POLICY, "alice", PASSWORD)


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


def test_a_number_below_that_of_a_session_deleted_long_ago_is_not(alice):
    """The row of 11 was deleted, and left no number behind."""
    session_at(alice, 10)
    DeletedSession.objects.create(status_index=12, deleted_at=LONG_AGO, expires_at=now())
    listed = decoded(ServedLists())
    assert [listed.at(indices.permuted(n)) for n in (10, 11, 12, 13)] == [0, 1, 1, 0]


@pytest.mark.parametrize("opened", [LONG_AGO, None])
def test_the_last_session_of_a_list_and_the_first_of_the_next(alice, opened):
    shown, ended = [], {SIZE - 1: LONG_AGO, SIZE: LONG_AGO}
    for number in range(SIZE - 2, SIZE + 2):
        session_at(alice, number, created_at=opened or now(), revoked_at=ended.get(number))
    for number in range(SIZE - 2, SIZE + 2):
        place = indices.claim(number)["status"]["status_list"]
        listed = int(place["uri"].rpartition("/")[2])
        shown.append((listed, decoded(ServedLists(), listed).at(place["idx"])))
    assert shown == [(1, 0), (1, 1), (2, 1), (2, 0)]


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
