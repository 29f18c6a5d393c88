"""Shares of hash algorithms among accounts, by which unknown identifiers pick theirs."""

from collections import Counter

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import passwords
from accounts.hashing import hash_shares
from accounts.hashing.stored_hashes import CURRENT, read
from accounts.models import User
from tests.conftest import PASSWORD
from tests.core.stored_hashes import BCRYPT, DIGEST, PBKDF2, SALT, SCRYPT, user_with

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]


# The algorithm that an unknown identifier costs


def shares(**weights):
    found = {
        "today": CURRENT + SALT + "$" + DIGEST,
        "pbkdf2": PBKDF2,
        "scrypt": SCRYPT,
        "bcrypt": BCRYPT,
    }
    return [hash_shares.Share(read(found[name]), weight) for name, weight in weights.items()]


def pick(name, among):
    return hash_shares.ranked(name, among)[0]


def test_few_names_move_when_hashes_are_upgraded():
    before, after = shares(today=50, pbkdf2=30, bcrypt=20), shares(today=60, pbkdf2=20, bcrypt=20)
    names = [f"name{number}" for number in range(2000)]
    moves = Counter((pick(name, before).algorithm, pick(name, after).algorithm) for name in names)
    moved = {(old, new): count for (old, new), count in moves.items() if old != new}
    assert all(old == "pbkdf2_sha256" or new == "argon2" for old, new in moved)
    assert sum(moved.values()) < 300


def test_the_secret_key_decides_which_identifier_costs_which_algorithm(settings):
    among = shares(today=1, pbkdf2=1)
    before = [pick(f"name{number}", among).prefix for number in range(40)]
    settings.SECRET_KEY = "another secret, of which nobody has to keep anything secret"
    assert [pick(f"name{number}", among).prefix for number in range(40)] != before


def test_without_accounts_unknown_identifiers_cost_todays_algorithm(db):
    assert pick("nobody", hash_shares.current()).prefix == CURRENT


# Looking the shares up


def test_shares_are_looked_up_once_a_minute_and_not_for_a_right_password(
    alice, cost, django_assert_num_queries
):
    with django_assert_num_queries(1):
        passwords.authenticate("alice", PASSWORD)
    user_with("bob", PBKDF2)
    with django_assert_num_queries(
        2 + 5
    ):  # account and record; two algorithms, and none behind; number and shares
        cost("alice")
    assert {share.hash.prefix: share.weight for share in hash_shares.current()} == {
        CURRENT: 1,
        "pbkdf2_sha256$600$": 1,
    }
    for name in ("alice", "nobody"):
        with django_assert_num_queries(2):
            cost(name)


def test_a_prefix_is_found_once_however_many_accounts_have_it(alice):
    for number in range(40):
        user_with(f"user{number}", f"pbkdf2_sha256${600 + number}$salt${DIGEST}=")
        user_with(f"another{number}", f"pbkdf2_sha256${600 + number}$other${DIGEST}=")
    with CaptureQueriesContext(connection) as captured:
        found = [share.hash.prefix for share in hash_shares.current()]
    assert len(found) == len(set(found)) == hash_shares.MAX_PREFIXES
    assert len(captured) <= hash_shares.MAX_PREFIXES + 2


def test_the_look_for_prefixes_uses_the_index(alice):
    User.objects.bulk_create(
        [User(username=f"user{number}", password=alice.password) for number in range(2000)]
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE accounts_user")
        with CaptureQueriesContext(connection) as captured:
            hash_shares.current()
        look = captured.captured_queries[0]["sql"]
        cursor.execute(
            f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{look}"
        )
        plan = " ".join(str(line) for line in cursor.fetchall())
    assert "user_kind_of_hash" in plan


def test_of_very_many_accounts_a_sample_is_counted():
    """Every process counts the same sample, by ids: no table is read from end to end."""
    User.objects.create(pk=1, username="alice", password=make_password(PASSWORD))
    User.objects.bulk_create(
        [
            User(pk=number, username=f"p{number}", password=PBKDF2 if number % 4 else BCRYPT)
            for number in range(2, hash_shares.MAX_COUNTED_ACCOUNTS + 10)
        ]
    )
    with CaptureQueriesContext(connection) as captured:
        weight = {share.hash.algorithm: share.weight for share in hash_shares.current()}
    assert hash_shares.SAMPLE_SIZE / 2 <= sum(weight.values()) <= hash_shares.SAMPLE_SIZE
    assert 0.71 < weight["pbkdf2_sha256"] / (weight["pbkdf2_sha256"] + weight["bcrypt"]) < 0.79
    assert weight["argon2"] in (0.5, 1.0)
    assert "WHERE id" in captured.captured_queries[-1]["sql"]


def test_of_few_accounts_with_great_gaps_between_their_ids_all_are_counted():
    """Failed imports and deleted rows leave such gaps."""
    User.objects.bulk_create(
        [
            User(pk=number * 50_000, username=f"p{number}", password=PBKDF2)
            for number in range(1, 11)
        ]
    )
    assert [share.weight for share in hash_shares.current()] == [10.0]


@pytest.mark.parametrize("newest", [10_001, 100_000, 10_000_000, 123_456_789])
def test_a_sample_is_spread_evenly_and_grows_with_the_accounts(newest):
    ids = hash_shares.sampled_ids(newest)
    assert hash_shares.SAMPLE_SIZE / 2 - 1 <= len(ids) == len(set(ids)) <= hash_shares.SAMPLE_SIZE
    tenths = Counter((number - 1) * 10 // newest for number in ids)
    assert max(tenths.values()) / min(tenths.values()) < 1.2
    assert set(ids) <= set(
        hash_shares.sampled_ids(min(newest * 5 // 4, (1 << newest.bit_length()) - 1))
    )
