"""Format of API keys: every typo is refused without a query."""

import re
import string

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import InvalidToken
from apikeys import key_format, keys
from apikeys.errors import KeyNotFound

ALPHABET = key_format.ALPHABET
written = st.builds(
    lambda key_id, body: f"sk_live_{key_id}_{body}{key_format.checksum(key_id + body)}",
    st.text(ALPHABET, min_size=8, max_size=8),
    st.text(ALPHABET, min_size=32, max_size=32),
)
places = st.integers(0, 54)


def refused_without_a_query(secret):
    """Check that no query is made: pytest-django refuses it in tests without a database."""
    assert key_format.read(secret) is None
    with pytest.raises(InvalidToken, match="mistyped"):
        keys.identify(secret)
    with pytest.raises(KeyNotFound):
        keys.revoke_leaked(secret)


def test_a_new_key():
    key_id, secret = key_format.new()
    assert key_format.PATTERN.fullmatch(secret)
    assert key_format.read(secret) == key_id
    assert (len(secret), secret[:8], secret[8:16], secret[16]) == (55, "sk_live_", key_id, "_")


def test_keys_are_of_chance_and_use_every_character():
    made = [key_format.new() for _ in range(500)]
    assert len({key_id for key_id, _ in made}) == len({secret[17:49] for _, secret in made}) == 500
    assert {c for _, secret in made for c in secret[17:49]} == set(
        string.ascii_letters + string.digits
    )


@given(written)
def test_a_key_is_read_as_it_is_written(secret):
    assert key_format.read(secret) == secret[8:16]


def test_a_checksum_that_others_can_check():
    """CRC-32, whose check value is CBF43926, in six digits of base 62."""
    assert key_format.checksum("123456789") == "3Jzrme"
    assert key_format.checksum("") == "000000"


def test_the_expression_that_the_documents_give_to_secret_scanners_finds_keys():
    (pattern,) = re.findall(
        r"`(\\bsk_live_.*?)`", (settings.BASE_DIR / "docs" / "clients" / "api-keys.md").read_text()
    )
    secret = key_format.new()[1]
    for leaked in (
        secret,
        f'KEY="{secret}"',
        f"a line\nBearer {secret}\n",
        f"{{'X-API-Key':'{secret}'}}",
    ):
        assert re.findall(pattern, leaked) == [secret]
    for other in ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", secret[:-1], f"{secret}x", "key_00000000"):
        assert re.findall(pattern, other) == []


@given(written, places, st.characters(codec="utf-8"))
def test_any_changed_character_is_caught_without_a_query(secret, place, other):
    if other != secret[place]:
        refused_without_a_query(secret[:place] + other + secret[place + 1 :])


@given(written, places, st.sampled_from(key_format.ALPHABET))
def test_any_character_changed_for_another_of_the_alphabet_is_caught(secret, place, other):
    if other != secret[place]:
        refused_without_a_query(secret[:place] + other + secret[place + 1 :])


@given(written, places, places)
def test_any_two_characters_swapped_are_caught(secret, one, other):
    swapped = list(secret)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if secret[one] != secret[other]:
        refused_without_a_query("".join(swapped))


def test_each_neighbour_swapped_and_each_case_changed_is_caught():
    _, secret = key_format.new()
    for place in range(54):
        one, other = secret[place], secret[place + 1]
        if one != other:
            refused_without_a_query(secret[:place] + other + one + secret[place + 2 :])
        if one.swapcase() != one:
            refused_without_a_query(secret[:place] + one.swapcase() + secret[place + 1 :])


@given(written, places, places)
def test_any_cut_is_caught(secret, start, length):
    refused_without_a_query(secret[:start] + secret[start + length + 1 :])


@given(written, places, st.text(min_size=1, max_size=60))
def test_any_insertion_is_caught(secret, place, more):
    refused_without_a_query(secret[:place] + more + secret[place:])
    refused_without_a_query(secret + more)


@given(st.text())
def test_any_other_text_is_no_key(typed):
    refused_without_a_query(typed)
    refused_without_a_query(key_format.PREFIX + typed)
