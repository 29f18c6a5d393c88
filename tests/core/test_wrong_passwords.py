"""What a wrong password costs: one hash, of a kind that tells nothing about the name; and what happens when too many are tried at once."""

import base64
import hashlib
import json
import os
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from functools import partial

import argon2
import bcrypt
import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import password_reset, passwords
from accounts.errors import HashingOverloaded, InvalidCredentials
from accounts.hashing import hash_shares
from accounts.hashing.pool import HashingPool, pool
from accounts.hashing.stored_hashes import CURRENT, read
from accounts.models import AuditEvent, User
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.contracts.clients import CLIENTS

pytestmark = pytest.mark.django_db
SALT = base64.b64encode(b"sixteen bytes of").decode().rstrip("=")
DIGEST = base64.b64encode(b"thirty-two bytes that are nobody").decode().rstrip("=")
BCRYPT = "bcrypt$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
PBKDF2 = f"pbkdf2_sha256$600$salt${DIGEST}="
SCRYPT = f"phc$scrypt$ln=4,r=8,p=1${SALT}${DIGEST}"
KINDS = {PBKDF2: "pbkdf2", SCRYPT: "scrypt", BCRYPT: "bcrypt"}


@pytest.fixture
def hashed(monkeypatch):
    """Which hashes the libraries were asked to compute."""
    work = []

    def watch(owner, name, kind):
        library = getattr(owner, name)

        def compute(*args, **options):
            try:
                return library(*args, **options)
            finally:
                if not isinstance(
                    sys.exception(), ValueError | OverflowError
                ):  # a cost that it does not even begin with
                    work.append(kind)

        monkeypatch.setattr(owner, name, compute)

    watch(hashlib, "pbkdf2_hmac", "pbkdf2")
    watch(hashlib, "scrypt", "scrypt")
    watch(bcrypt, "hashpw", "bcrypt")
    watch(argon2.PasswordHasher, "verify", "argon2")
    watch(argon2.low_level, "hash_secret", "argon2")
    return work


@pytest.fixture
def cost(hashed):
    """The hashes that one wrong password costs."""

    def of(identifier, password="not the password of anybody"):
        hashed.clear()
        with pytest.raises(InvalidCredentials):
            passwords.authenticate(identifier, password)
        return hashed.copy()

    return of


def person(name, encoded, **fields):
    return User.objects.create(username=name, password=encoded, **fields)


# One hash


def test_a_wrong_password_costs_one_hash_of_the_accounts_own_kind(alice, cost):
    for encoded, kind in KINDS.items():
        person(kind, encoded)
        person(f"inactive.{kind}", encoded, is_active=False)
        assert cost(kind) == cost(f"inactive.{kind}") == [kind]
    assert cost("alice") == cost("alice@example.com") == ["argon2"]


def test_the_right_password_of_an_inactive_account_costs_one_hash_too(alice, cost):
    person("carol", PBKDF2)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert cost("alice", PASSWORD) == cost("alice") == ["argon2"]


def test_unknown_names_cost_each_kind_as_often_as_accounts_have_it(alice, cost):
    for number in range(3):
        person(f"from.elsewhere{number}", PBKDF2)
    seen = Counter(kind for number in range(400) for kind in cost(f"nobody{number}"))
    assert seen.total() == 400
    assert 260 <= seen["pbkdf2"] <= 340  # 300 expected, with a standard deviation of 8.7
    assert seen.keys() == {"pbkdf2", "argon2"}


@pytest.mark.parametrize(
    "encoded", ["!", "secret", "bcrypt$$2b$12$short", "phc$scrypt$ln=60,r=8,p=1$AAAA$AAAA"]
)
def test_an_account_without_a_whole_hash_costs_what_its_name_would_cost_if_nobody_had_it(
    alice, cost, encoded
):
    for other in KINDS:
        person(f"with.{KINDS[other]}", other)
    names = [f"person{number}" for number in range(20)]
    unknown = [cost(name) for name in names]
    for name in names:
        person(name, encoded)
    assert [cost(name) for name in names] == unknown
    assert {len(work) for work in unknown} == {1}


def test_an_unknown_name_always_costs_the_same_however_it_is_spelled(alice, cost):
    for encoded, kind in KINDS.items():
        person(kind, encoded)
    for name in ("nobody", "somebody", "anybody", "x@example.com"):
        first = cost(name)
        hash_shares.forget()
        assert cost(name) == cost(f" {name.upper()} ") == first


def test_a_change_of_password_costs_one_hash_too(hashed, alice):
    person("carol", PBKDF2)
    for user, kind in ((alice, "argon2"), (User.objects.get(username="carol"), "pbkdf2")):
        hashed.clear()
        with pytest.raises(InvalidCredentials):
            passwords.change(user.pk, "wrong", "another one, and longer")
        assert hashed == [kind]


def test_eight_imported_kinds_make_no_strangers_guess_dearer(alice, cost):
    for number in range(8):
        person(f"imported{number}", f"pbkdf2_sha256${600 + number}$salt${DIGEST}=")
    assert len(hash_shares.current()) == 9
    assert {len(cost(f"nobody{number}")) for number in range(30)} == {1}


def test_djangos_own_check_costs_one_hash_too_and_waits_in_the_same_queue(hashed, alice):
    carol = person("carol", PBKDF2)
    for user, kind in ((alice, "argon2"), (carol, "pbkdf2"), (person("dave", "secret"), None)):
        hashed.clear()
        assert not user.check_password("wrong")
        assert len(hashed) == 1
        assert kind in (hashed[0], None)
    assert alice.check_password(PASSWORD)
    with full_queue(), pytest.raises(HashingOverloaded):
        carol.check_password(PASSWORD)


# Which kind


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


def test_the_key_decides_which_name_costs_which_kind(settings):
    among = shares(today=1, pbkdf2=1)
    before = [pick(f"name{number}", among).prefix for number in range(40)]
    settings.SECRET_KEY = "another secret, of which nobody has to keep anything secret"
    assert [pick(f"name{number}", among).prefix for number in range(40)] != before


def test_without_accounts_unknown_names_cost_todays_kind(db):
    assert pick("nobody", hash_shares.current()).prefix == CURRENT


# Looking the shares up


def test_shares_are_looked_up_once_a_minute_and_not_for_who_is_right(
    alice, cost, django_assert_num_queries
):
    with django_assert_num_queries(1):
        passwords.authenticate("alice", PASSWORD)
    person("bob", PBKDF2)
    with django_assert_num_queries(
        2 + 5
    ):  # account and record; two kinds, and none behind; number and shares
        cost("alice")
    assert {share.hash.prefix: share.weight for share in hash_shares.current()} == {
        CURRENT: 1,
        "pbkdf2_sha256$600$": 1,
    }
    for name in ("alice", "nobody"):
        with django_assert_num_queries(2):
            cost(name)


def test_a_kind_is_found_once_however_many_accounts_have_it(alice):
    for number in range(40):
        person(f"person{number}", f"pbkdf2_sha256${600 + number}$salt${DIGEST}=")
        person(f"another{number}", f"pbkdf2_sha256${600 + number}$other${DIGEST}=")
    with CaptureQueriesContext(connection) as captured:
        found = [share.hash.prefix for share in hash_shares.current()]
    assert len(found) == len(set(found)) == hash_shares.MAX_PREFIXES
    assert len(captured) <= hash_shares.MAX_PREFIXES + 2


def test_the_look_for_kinds_uses_the_index(alice):
    User.objects.bulk_create(
        [User(username=f"person{number}", password=alice.password) for number in range(2000)]
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
    """The same one by every process, and by its ids: no table is read from end to end."""
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
    """As imports that failed, and deleted rows, leave them."""
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


# Too many at once


def busy(pool, count):
    """So many hashes that run or wait until the event is set."""
    go = threading.Event()
    threads = [threading.Thread(target=pool.run, args=(go.wait, 60)) for _ in range(count)]
    for thread in threads:
        thread.start()
    while pool._free._value > pool.places - count:
        pass
    return go, threads


def test_what_fits_neither_processors_nor_queue_is_refused_at_once_and_fits_again_later():
    pool = HashingPool(2, queue=3)
    go, threads = busy(pool, 5)
    with pytest.raises(HashingOverloaded):
        pool.run(len, "abc")
    go.set()
    for thread in threads:
        thread.join()
    assert pool.run(len, "abc") == 3


@pytest.mark.parametrize(
    ("queue", "threads", "places"),
    [(8, 16, 10), (8, 4, 3), (8, 2, 1), (8, 1, 1), (8, 0, 10), (64, 16, 15)],
)
def test_one_thread_of_a_web_process_is_always_left_for_other_requests(queue, threads, places):
    assert HashingPool(2, queue, threads).places == places


def test_no_more_hashes_run_at_once_than_there_are_processors():
    """Each takes 19 MiB, and a processor for itself."""
    pool, lock, running, most = HashingPool(2, queue=10), threading.Lock(), 0, 0

    def work(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        os.sched_yield()
        with lock:
            running -= 1
        return number

    assert at_once(*(partial(pool.run, work, number) for number in range(12))) == list(range(12))
    assert most <= 2


def test_work_inside_a_hash_takes_no_second_place():
    pool = HashingPool(1, queue=0)
    assert pool.run(lambda: pool.run(len, "abc")) == 3


def test_an_import_waits_where_a_login_is_refused():
    pool = HashingPool(1, queue=0)
    go, (thread,) = busy(pool, 1)
    threading.Timer(0.1, go.set).start()
    assert pool.run_patiently(len, "abc") == 3
    thread.join()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_hash_lends_the_last_database_connection_to_others(alice):
    connections = connection.pool  # type: ignore[attr-defined]
    taken = [connections.getconn() for _ in range(connections.max_size - 1)]
    try:
        assert connections.get_stats()["pool_available"] == 0
        assert pool.run(lambda: connections.get_stats()["pool_available"]) == 1
        assert User.objects.count() == 1
    finally:
        for each in taken:
            connections.putconn(each)


def test_a_failing_hash_gives_its_place_back():
    pool = HashingPool(1, queue=0)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            pool.run(partial(int, "broken"))


def test_the_log_says_once_a_minute_that_attempts_are_refused(caplog):
    pool = HashingPool(1, queue=0)
    go, (thread,) = busy(pool, 1)
    for _ in range(5):
        with pytest.raises(HashingOverloaded):
            pool.run(len, "abc")
    go.set()
    thread.join()
    assert [record.getMessage() for record in caplog.records] == [
        "1 attempts refused: the hashing queue is full (HASHING_QUEUE, THREADS)"
    ]


def test_an_old_hash_is_upgraded_at_a_later_login_if_the_queue_is_full(alice):
    """The queue is that of this process: whoever fills it has taken the last place when the old hash was compared."""
    old = make_password(PASSWORD, hasher="pbkdf2_sha1")
    User.objects.update(password=old)
    user = User.objects.get()
    go, threads = busy(pool, pool.places)
    passwords._upgrade_hash(user, PASSWORD)
    go.set()
    for thread in threads:
        thread.join()
    assert User.objects.get().password == user.password == old


# What a client is told


@contextmanager
def full_queue():
    """The queue of this process, full as long as the block runs."""
    go, threads = busy(pool, pool.places)
    try:
        yield
    finally:
        go.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_login_that_fits_no_queue_is_503_in_its_contracts_shape(caller, alice, client):
    with full_queue():
        answers = [
            client.log_in(caller, name, password)
            for name in ("alice", "nobody")
            for password in (PASSWORD, "wrong")
        ]
    assert {(answer.status_code, answer["Retry-After"]) for answer in answers} == {(503, "1")}
    assert {json.dumps(answer.json()) for answer in answers} == {
        json.dumps(client.refusal(503, "Service temporarily unavailable"))
    }
    assert client.log_in(caller).status_code == 200


def test_other_requests_are_answered_while_the_queue_is_full(caller, alice):
    access, refresh = CLIENTS[0].tokens(caller)
    with full_queue():
        answers = [
            caller.get("/healthz"),
            caller.get("/api/v1/auth/me", access),
            CLIENTS[0].refresh(caller, access, refresh),
        ]
    assert [answer.status_code for answer in answers] == [200] * 3


def test_what_fits_no_queue_spends_no_guess_and_is_no_event(caller, alice):
    with full_queue():
        for _ in range(30):
            assert CLIENTS[0].log_in(caller, password="wrong").status_code == 503
    assert not AuditEvent.objects.exists()
    assert CLIENTS[0].log_in(caller).status_code == 200


def test_a_code_that_fits_no_queue_is_not_used_up(caller, alice):
    reset_secrets = password_reset.make(alice)
    asked = {
        "username": "alice",
        "confirmation_code": reset_secrets.code,
        "password": "four small green lamps",
    }
    with full_queue():
        refused = caller.json("/v1/forgot-password-confirm", asked)
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert caller.json("/v1/forgot-password-confirm", asked).status_code == 200


def test_people_are_asked_to_send_the_form_again(client, alice):
    form = {"identifier": "alice", "current": PASSWORD, "password": "four small green lamps"}
    with full_queue():
        page = client.post("/change-password", form)
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "send the form again in a moment" in page.content.decode()
    assert client.post("/change-password", form).status_code == 302


def test_operators_are_asked_to_sign_in_again_in_a_moment(client, olga):
    form = {"username": "olga", "password": PASSWORD}
    with full_queue():
        page = client.post("/admin/login/", form)
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "Please try again in a moment" in page.content.decode()
    assert client.post("/admin/login/", form).status_code == 302


def test_an_operators_other_pages_say_so_too(client, olga, alice):
    client.force_login(olga)
    client.raise_request_exception = False
    form = {"ids": str(alice.pk), "reason": "she asked for it", "password": PASSWORD, "sure": "yes"}
    with full_queue():
        page = client.post(
            "/admin/accounts/user/action/temporary_password/", form, headers={"Accept": "text/html"}
        )
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "Nothing was changed" in page.content.decode()
