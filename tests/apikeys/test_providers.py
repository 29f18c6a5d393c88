"""Credentials for upstream services: stored by Olga, encrypted per row, encrypted anew."""

import sys
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts import identities, keyring, sessions
from accounts.models import AuditEvent, SigningKey
from apikeys import providers
from apikeys.errors import UnreadableSecret
from apikeys.models import ProviderCredential
from authsvc.contracts import envelope
from tests.conftest import PASSWORD

KEY_ID, AWS_SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYX"
NVIDIA_SECRET = "nvapi-0123456789abcdefghijklmnopqrstuvwxyz"
NEW, OLD = "a new key, of thirty-two letters and more", "an old key, of thirty-two letters and more"
SET_AWS = ("aws", "--access-key-id", KEY_ID, "--region", "eu-north-1")


def store(provider="aws", secret=AWS_SECRET, **fields):
    named = {"key_id": KEY_ID, "region": "eu-north-1"} if provider == "aws" else {}
    providers.store(ProviderCredential(provider=provider, **named | fields), secret)


def secret_of(provider):
    return ProviderCredential.objects.get(pk=provider).decrypt_secret()


def run(*arguments, **options):
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err, **options)
    return out.getvalue() + err.getvalue()


def set_credentials(*arguments, secret=AWS_SECRET + "\n"):
    return run("set_provider_credentials", *arguments, stdin=StringIO(secret))


# Masks


@given(secret=st.text(min_size=16), stars=st.sampled_from([28, 36]))
def test_a_mask_shows_both_ends_and_not_the_length(secret, stars):
    assert providers.mask(secret, stars) == secret[:4] + "*" * stars + secret[-4:]


@given(secret=st.text(max_size=15), stars=st.sampled_from([28, 36]))
def test_of_a_short_secret_a_mask_shows_nothing(secret, stars):
    assert providers.mask(secret, stars) == "*" * (stars + 8)


# Sealed for their rows


@pytest.mark.django_db
def test_a_stored_secret_is_sealed():
    store()
    store("nvidia", NVIDIA_SECRET)
    assert (secret_of("aws"), secret_of("nvidia")) == (AWS_SECRET, NVIDIA_SECRET)
    for sealed in ProviderCredential.objects.values_list("encrypted_secret", flat=True):
        assert not any(part in sealed for part in (AWS_SECRET[:8], NVIDIA_SECRET[:8]))


@pytest.mark.django_db
def test_two_rows_that_swapped_their_secrets_open_no_more():
    store()
    store("nvidia", NVIDIA_SECRET)
    aws, nvidia = ProviderCredential.objects.order_by("pk")
    aws.encrypted_secret, nvidia.encrypted_secret = nvidia.encrypted_secret, aws.encrypted_secret
    for credential in (aws, nvidia):
        with pytest.raises(UnreadableSecret, match=r"ENCRYPTION_KEYS.*store it again") as refusal:
            credential.decrypt_secret()
        assert AWS_SECRET not in repr(refusal.value)


@pytest.mark.django_db
def test_a_signing_keys_secret_opens_as_no_providers():
    store("nvidia", NVIDIA_SECRET)
    moved = ProviderCredential(
        provider="nvidia", encrypted_secret=SigningKey.objects.earliest("created_at").private
    )
    with pytest.raises(UnreadableSecret):
        moved.decrypt_secret()


@pytest.mark.django_db
def test_the_later_of_two_takes_the_place():
    store()
    store(
        secret="another secret, no space".replace(" ", "-"),
        key_id="ASIA" + "X" * 12,
        region="us-east-1",
    )
    credential = ProviderCredential.objects.get()
    assert (credential.key_id, credential.region, credential.decrypt_secret()) == (
        "ASIA" + "X" * 12,
        "us-east-1",
        "another-secret,-no-space",
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"key_id": ""},
        {"region": ""},
        {"key_id": "AKIA"},
        {"key_id": "akiaiosfodnn7example"},
        {"key_id": KEY_ID + "\n"},
        {"key_id": 'AKIAIOSFODNN7EXA";id;"'},
        {"key_id": KEY_ID.replace("7", "\u0667")},
        {"region": "eu-north-1\n"},
        {"region": "eu-north"},
        {"region": "$(id)"},
        {"region": "eu-north-1.evil.example"},
        {"secret": ""},
        {"secret": "two lines\nof it"},
        {"secret": "with a space"},
        {"secret": "päßwörd"},
        {"secret": "x" * 4097},
        {"provider": "nvidia", "key_id": KEY_ID},
        {"provider": "nvidia", "region": "eu-north-1"},
        {"provider": "azure", "key_id": "", "region": ""},
    ],
)
def test_malformed_credentials_are_not_stored(fields):
    with pytest.raises(ValidationError):
        store(**fields)
    assert not ProviderCredential.objects.exists()
    assert not AuditEvent.objects.exists()


# The command


@pytest.mark.django_db
def test_olga_pipes_a_secret_in_and_sees_nothing_of_it(capfd):
    printed = set_credentials(*SET_AWS)
    assert printed == "AWS credentials are stored.\n"
    assert "".join(capfd.readouterr()) == ""
    assert secret_of("aws") == AWS_SECRET
    assert set_credentials("nvidia", secret=NVIDIA_SECRET) == "NVIDIA credentials are stored.\n"
    assert secret_of("nvidia") == NVIDIA_SECRET
    assert list(AuditEvent.objects.order_by("pk").values_list("name", "reason", "data")) == [
        (
            "aws",
            "credentials_stored",
            {"key_id": KEY_ID, "region": "eu-north-1", "new_secret": True},
        ),
        ("nvidia", "credentials_stored", {"new_secret": True}),
    ]


@pytest.mark.django_db
def test_standard_input_is_where_it_looks(monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO(NVIDIA_SECRET + "\r\n"))
    run("set_provider_credentials", "nvidia")
    assert secret_of("nvidia") == NVIDIA_SECRET


@pytest.mark.django_db
def test_on_a_terminal_it_asks_without_an_echo(monkeypatch):
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: NVIDIA_SECRET)
    assert (
        run("set_provider_credentials", "nvidia", stdin=terminal)
        == "NVIDIA credentials are stored.\n"
    )
    assert secret_of("nvidia") == NVIDIA_SECRET


@pytest.mark.django_db
@pytest.mark.parametrize(
    "secret",
    ["", "\n", "\r\n", "\n\n", f"{AWS_SECRET}\n\n", f" {AWS_SECRET}", f"{AWS_SECRET}\nand more"],
)
def test_a_malformed_secret_is_refused_and_not_repeated(secret):
    with pytest.raises(CommandError) as refusal:
        set_credentials(*SET_AWS, secret=secret)
    assert AWS_SECRET not in str(refusal.value)
    assert not ProviderCredential.objects.exists()


@pytest.mark.django_db
def test_a_secret_typed_in_the_place_of_the_key_id_is_not_repeated():
    with pytest.raises(CommandError, match="capital letters and digits") as refusal:
        set_credentials("aws", "--access-key-id", AWS_SECRET, "--region", "eu-north-1")
    assert AWS_SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("azure",),
        ("aws",),
        ("aws", "--region", "eu-north-1"),
        ("nvidia", "--region", "eu-north-1"),
    ],
)
def test_a_command_that_says_too_little_or_too_much_is_refused(arguments):
    with pytest.raises(CommandError):
        set_credentials(*arguments)


# Rotating keys


@pytest.mark.django_db
def test_keys_are_replaced_without_losing_anything(settings, alice):
    settings.ENCRYPTION_KEYS = [OLD, settings.SECRET_KEY]
    issued = sessions.open_session(envelope.contract.policy, "alice", PASSWORD)
    store()
    store("nvidia", NVIDIA_SECRET)
    settings.ENCRYPTION_KEYS = [NEW, *settings.ENCRYPTION_KEYS]
    for _ in range(2):
        assert (
            run("reencrypt")
            == "signing keys: 2\nprovider secrets: 2\nkey of the audit log's seals: 0\n"
        )
    settings.ENCRYPTION_KEYS = [NEW]
    keyring.forget()
    assert (secret_of("aws"), secret_of("nvidia")) == (AWS_SECRET, NVIDIA_SECRET)
    assert identities.identify(issued.access).username == "alice"


@pytest.mark.django_db
def test_one_unreadable_secret_stops_the_encryption_of_all(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    store()
    before = list(SigningKey.objects.order_by("pk").values_list("private", flat=True))
    settings.ENCRYPTION_KEYS = [NEW, settings.SECRET_KEY]
    with pytest.raises(
        CommandError, match="Nothing was changed: the secret of AWS credentials cannot be decrypted"
    ):
        run("reencrypt")
    assert list(SigningKey.objects.order_by("pk").values_list("private", flat=True)) == before
    store()
    assert (
        run("reencrypt")
        == "signing keys: 2\nprovider secrets: 1\nkey of the audit log's seals: 0\n"
    )
