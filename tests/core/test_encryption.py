"""Encryption of small secrets: each is bound to its context, and to the configured keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import encryption

SECRET = b"what nobody with a copy of the database may read"
ANOTHER = "another secret, of thirty-two letters and more"
ROW = "provider aws"


def test_an_encrypted_secret_is_decrypted():
    assert encryption.decrypt(encryption.encrypt(SECRET, ROW), ROW) == SECRET
    assert encryption.decrypt(encryption.encrypt(b"", ROW), ROW) == b""


def test_an_encrypted_secret_shows_nothing():
    sealed = [encryption.encrypt(SECRET, ROW) for _ in range(2)]
    assert sealed[0] != sealed[1]
    assert not any(
        word.decode() in text for word in SECRET.split() if len(word) > 3 for text in sealed
    )


def test_without_the_secret_key_nothing_opens(settings):
    sealed = encryption.encrypt(SECRET, ROW)
    settings.SECRET_KEY = ANOTHER
    with pytest.raises(encryption.InvalidToken):
        encryption.decrypt(sealed, ROW)


def test_a_former_secret_key_opens_and_no_longer_seals(settings):
    former, sealed = settings.SECRET_KEY, encryption.encrypt(SECRET, ROW)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = ANOTHER, ["one older still", former]
    assert encryption.decrypt(sealed, ROW) == SECRET
    anew = encryption.encrypt(SECRET, ROW)
    settings.SECRET_KEY_FALLBACKS = []
    assert encryption.decrypt(anew, ROW) == SECRET


@pytest.mark.parametrize("place", [0, 10, 40, -10, -6])
def test_a_changed_letter_is_noticed(place):
    sealed = encryption.encrypt(SECRET, ROW)
    changed = list(sealed)
    changed[place] = "A" if sealed[place] != "A" else "B"
    with pytest.raises(encryption.InvalidToken):
        encryption.decrypt("".join(changed), ROW)


def test_a_secret_encrypted_for_one_row_is_refused_for_another():
    sealed = encryption.encrypt(SECRET, ROW)
    for other in (
        "",
        "provider",
        "provider aw",
        "provider aws ",
        "provider nvidia",
        "signing key aws",
    ):
        with pytest.raises(encryption.InvalidToken):
            encryption.decrypt(sealed, other)


@given(context=st.text(), other=st.text(), plain=st.binary())
def test_a_context_cannot_be_continued_in_the_secret(context, other, plain):
    sealed = encryption.encrypt(plain, context)
    assert encryption.decrypt(sealed, context) == plain
    if other != context:
        with pytest.raises(encryption.InvalidToken):
            encryption.decrypt(sealed, other)


@pytest.mark.parametrize("stored", ["", "nothing of ours", "gAAAAA", "sealed in ünicode", "\x00"])
def test_text_that_was_never_encrypted_is_refused_in_the_same_way(stored):
    with pytest.raises(encryption.InvalidToken):
        encryption.decrypt(stored, ROW)


def test_keys_of_its_own_take_the_place_of_the_secret_key(settings):
    before = encryption.encrypt(SECRET, ROW)
    settings.ENCRYPTION_KEYS = [ANOTHER]
    after = encryption.encrypt(SECRET, ROW)
    assert encryption.decrypt(after, ROW) == SECRET
    with pytest.raises(encryption.InvalidToken):
        encryption.decrypt(before, ROW)
    settings.ENCRYPTION_KEYS = [ANOTHER, settings.SECRET_KEY]
    assert encryption.decrypt(before, ROW) == SECRET
    settings.SECRET_KEY, settings.ENCRYPTION_KEYS = ANOTHER, []
    assert encryption.decrypt(after, ROW) == SECRET


def test_the_first_key_seals_and_all_of_them_open(settings):
    old, new = (
        "an old key, of thirty-two letters and more",
        "ein neuer Schlüssel, auch mit Umlauten und lang",
    )
    settings.ENCRYPTION_KEYS = [old]
    sealed = encryption.encrypt(SECRET, ROW)
    settings.ENCRYPTION_KEYS = [new, old]
    assert encryption.decrypt(sealed, ROW) == SECRET
    anew = encryption.encrypt(SECRET, ROW)
    settings.ENCRYPTION_KEYS = [new]
    assert encryption.decrypt(anew, ROW) == SECRET
    with pytest.raises(encryption.InvalidToken):
        encryption.decrypt(sealed, ROW)
