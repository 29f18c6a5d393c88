"""Wrong passwords: each costs one hash, of an algorithm that tells nothing of the identifier."""

from collections import Counter

import pytest

from accounts import passwords
from accounts.errors import HashingOverloaded, InvalidCredentials
from accounts.hashing import hash_shares
from accounts.models import User
from tests.conftest import PASSWORD
from tests.core.stored_hashes import BCRYPT, DIGEST, PBKDF2, SCRYPT, full_queue, user_with

pytestmark = pytest.mark.django_db
ALGORITHMS = {PBKDF2: "pbkdf2", SCRYPT: "scrypt", BCRYPT: "bcrypt"}


# One hash


def test_a_wrong_password_costs_one_hash_of_the_accounts_own_algorithm(alice, cost):
    for encoded, algorithm in ALGORITHMS.items():
        user_with(algorithm, encoded)
        user_with(f"inactive.{algorithm}", encoded, is_active=False)
        assert cost(algorithm) == cost(f"inactive.{algorithm}") == [algorithm]
    assert cost("alice") == cost("alice@example.com") == ["argon2"]


def test_the_right_password_of_an_inactive_account_costs_one_hash_too(alice, cost):
    user_with("carol", PBKDF2)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert cost("alice", PASSWORD) == cost("alice") == ["argon2"]


def test_unknown_identifiers_cost_each_algorithm_as_often_as_accounts_have_it(alice, cost):
    for number in range(3):
        user_with(f"from.elsewhere{number}", PBKDF2)
    seen = Counter(algorithm for number in range(400) for algorithm in cost(f"nobody{number}"))
    assert seen.total() == 400
    assert 260 <= seen["pbkdf2"] <= 340  # 300 expected, with a standard deviation of 8.7
    assert seen.keys() == {"pbkdf2", "argon2"}


@pytest.mark.parametrize(
    "encoded", ["!", "secret", "bcrypt$$2b$12$short", "phc$scrypt$ln=60,r=8,p=1$AAAA$AAAA"]
)
def test_an_account_with_a_damaged_hash_costs_the_hash_of_an_unknown_identifier(
    alice, cost, encoded
):
    for other in ALGORITHMS:
        user_with(f"with.{ALGORITHMS[other]}", other)
    names = [f"user{number}" for number in range(20)]
    unknown = [cost(name) for name in names]
    for name in names:
        user_with(name, encoded)
    assert [cost(name) for name in names] == unknown
    assert {len(work) for work in unknown} == {1}


def test_an_unknown_name_always_costs_the_same_however_it_is_spelled(alice, cost):
    for encoded, algorithm in ALGORITHMS.items():
        user_with(algorithm, encoded)
    for name in ("nobody", "somebody", "anybody", "x@example.com"):
        first = cost(name)
        hash_shares.forget()
        assert cost(name) == cost(f" {name.upper()} ") == first


def test_a_change_of_password_costs_one_hash_too(hashed, alice):
    user_with("carol", PBKDF2)
    for user, algorithm in ((alice, "argon2"), (User.objects.get(username="carol"), "pbkdf2")):
        hashed.clear()
        with pytest.raises(InvalidCredentials):
            passwords.change(user.pk, "wrong", "another one, and longer")
        assert hashed == [algorithm]


def test_eight_imported_algorithms_make_no_strangers_guess_dearer(alice, cost):
    for number in range(8):
        user_with(f"imported{number}", f"pbkdf2_sha256${600 + number}$salt${DIGEST}=")
    assert len(hash_shares.current()) == 9
    assert {len(cost(f"nobody{number}")) for number in range(30)} == {1}


def test_djangos_own_check_costs_one_hash_too_and_waits_in_the_same_queue(hashed, alice):
    carol = user_with("carol", PBKDF2)
    for user, algorithm in (
        (alice, "argon2"),
        (carol, "pbkdf2"),
        (user_with("dave", "secret"), None),
    ):
        hashed.clear()
        assert not user.check_password("wrong")
        assert len(hashed) == 1
        assert algorithm in (hashed[0], None)
    assert alice.check_password(PASSWORD)
    with full_queue(), pytest.raises(HashingOverloaded):
        carol.check_password(PASSWORD)
