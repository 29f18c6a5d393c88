"""Signing keys in the database: encrypted, bound to their rows, one for each use."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from accounts import identities, keyring
from accounts.errors import UnusableKeyring
from accounts.models import SigningKey
from tests.core.signing_keys import Use, log_in

pytestmark = pytest.mark.usefixtures("db")


def test_private_keys_are_stored_encrypted():
    stored = SigningKey.objects.get(use=Use.CURRENT).private
    packed = keyring._pack(keyring.current().private)
    assert "PRIVATE" not in stored
    assert packed.hex() not in stored.encode().hex()
    assert "private" not in repr(keyring.current())


def test_a_key_of_another_secret_key_is_unusable_and_the_refusal_says_so(settings):
    kid = keyring.current().kid
    settings.SECRET_KEY = "another secret, of thirty-two letters and more"
    keyring.forget()
    with pytest.raises(UnusableKeyring, match=f"{kid}.*SECRET_KEY_FALLBACKS") as refusal:
        keyring.current()
    assert settings.SECRET_KEY not in str(refusal.value)


def test_a_key_of_a_former_secret_key_is_good(settings, alice):
    issued = log_in()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret, of thirty-two letters and more"
    keyring.reload()
    assert identities.identify(issued.access).username == "alice"


def test_a_key_moved_to_another_row_is_unusable(settings):
    """A writer of the database cannot put one key in another's place."""
    current, following = (
        SigningKey.objects.get(use=Use.CURRENT),
        SigningKey.objects.get(use=Use.NEXT),
    )
    SigningKey.objects.filter(pk=current.pk).update(private=following.private)
    keyring.forget()
    with pytest.raises(UnusableKeyring, match=current.kid):
        keyring.current()


def test_encrypted_anew_the_keys_need_the_former_secret_no_longer(settings, alice):
    issued = log_in()
    settings.ENCRYPTION_KEYS = ["a new key, of thirty-two letters and more", settings.SECRET_KEY]
    assert keyring.reencrypt() == 2
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    keyring.forget()
    assert identities.identify(issued.access).username == "alice"


def test_a_retired_key_that_cannot_be_decrypted_is_ignored(settings):
    SigningKey.objects.create(
        kid="old",
        algorithm="ES256",
        private="",
        use=Use.PREVIOUS,
        retires_at=now() - timedelta(days=1),
    )
    assert keyring.reencrypt() == 2


@pytest.mark.parametrize("use", [Use.CURRENT, Use.NEXT])
def test_the_database_lets_one_key_have_each_use(use):
    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.create(kid="another", algorithm="ES256", private="", use=use)


def test_a_rotation_that_stopped_half_way_is_completed(alice):
    SigningKey.objects.filter(use=Use.NEXT).delete()
    keyring.reload()
    assert SigningKey.objects.filter(use=Use.NEXT).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_nodes_that_start_at_once_make_one_keyring():
    SigningKey.objects.all().delete()
    start, seen = Barrier(4), []

    def node():
        start.wait()
        seen.append(
            keyring._load().current.kid
        )  # reload() would queue the threads of one process up
        connection.close()

    threads = [Thread(target=node) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 4
    assert set(seen) == {SigningKey.objects.get(use=Use.CURRENT).kid}
    assert SigningKey.objects.count() == 2
