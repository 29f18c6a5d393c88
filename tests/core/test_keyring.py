"""Signing keys: made once, rotated without locking any user out, and never shown."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import jwt
import pytest
from django.core.management import call_command
from django.utils.timezone import now

from accounts import encryption, identities, keyring, policy, refresh, tokens
from accounts.errors import InvalidToken
from accounts.models import SigningKey
from tests.core.signing_keys import POLICY, Use, log_in

pytestmark = pytest.mark.usefixtures("db")
PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


def encrypted_as(kid):
    """Return the private half of a new key, encrypted as for the row with this id."""
    return encryption.encrypt(keyring._pack(keyring.GENERATE["ES256"]()), keyring._context(kid))


def make_anew(settings, algorithm):
    settings.SIGNING_ALGORITHM = algorithm
    SigningKey.objects.all().delete()
    keyring.reload()


def test_there_is_one_key_that_signs_and_one_that_will():
    assert sorted(SigningKey.objects.values_list("use", "algorithm")) == [
        (Use.CURRENT, "ES256"),
        (Use.NEXT, "ES256"),
    ]
    assert keyring.current().kid == SigningKey.objects.get(use=Use.CURRENT).kid


def test_a_token_names_the_key_that_signed_it(alice):
    header = jwt.get_unverified_header(log_in().access)
    assert header == {
        "alg": "ES256",
        "kid": SigningKey.objects.get(use=Use.CURRENT).kid,
        "typ": "JWT",
    }


def test_looking_again_changes_nothing():
    before = set(SigningKey.objects.values_list("kid", "use", "private"))
    keyring.forget()
    keyring.current()
    assert set(SigningKey.objects.values_list("kid", "use", "private")) == before


def test_the_published_next_key_signs_after_a_rotation(alice):
    published = {key["kid"] for key in keyring.jwks()["keys"]}
    old, following = keyring.current().kid, SigningKey.objects.get(use=Use.NEXT).kid
    assert keyring.rotate().kid == following
    assert kid_of(log_in().access) == following
    assert following in published
    assert dict(SigningKey.objects.values_list("kid", "use"))[old] == Use.PREVIOUS
    assert SigningKey.objects.filter(use=Use.NEXT).count() == 1


def test_tokens_from_before_a_rotation_stay_good(alice):
    issued = log_in()
    keyring.rotate()
    keyring.rotate()
    assert identities.identify(issued.access).username == "alice"
    assert kid_of(refresh.refresh_session(POLICY, issued.refresh).access) == keyring.current().kid


def test_a_retired_key_opens_nothing_any_more(alice):
    issued = log_in()
    keyring.rotate()
    assert keyring.retire(kid_of(issued.access)) is True
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)
    assert kid_of(issued.access) not in {key["kid"] for key in keyring.jwks()["keys"]}


def look_at(seconds_ago):
    """Pretend that this node loaded the keys so many seconds ago."""
    keyring._ring = replace(keyring.reload(), seen_at=time.monotonic() - seconds_ago)


def test_a_key_retired_on_another_node_is_refused_here_at_the_next_look(alice):
    issued = log_in()
    keyring.rotate()
    look_at(seconds_ago=keyring.MAX_AGE_SECONDS - 5)
    SigningKey.objects.filter(
        use=Use.PREVIOUS
    ).delete()  # as another node does, which cannot reach this process
    assert identities.identify(issued.access).username == "alice"
    assert keyring._ring
    keyring._ring = replace(keyring._ring, seen_at=time.monotonic() - keyring.MAX_AGE_SECONDS - 1)
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)


def test_a_key_made_on_another_node_is_found_when_a_token_names_it(alice):
    look_at(seconds_ago=keyring.UNKNOWN_KID_PAUSE_SECONDS + 1)
    ring, following = keyring._ring, SigningKey.objects.get(use=Use.NEXT)
    SigningKey.objects.filter(pk=following.pk).update(
        kid="elsewhere", private=encrypted_as("elsewhere")
    )
    assert keyring.find("elsewhere")
    assert keyring._ring is not ring


def test_unknown_key_ids_cause_no_more_than_a_look_in_five_seconds(django_assert_num_queries):
    look_at(seconds_ago=keyring.UNKNOWN_KID_PAUSE_SECONDS + 1)
    with django_assert_num_queries(1):
        assert [keyring.find(f"made up {n}") for n in range(20)] == [None] * 20


def test_the_claims_of_two_thousand_tokens_are_remembered_and_no_more():
    seen = tokens.SeenTokens()
    for number in range(seen.MAX_TOKENS + 10):
        seen.keep(f"token {number}", {"jti": number})
    assert len(seen._claims) == seen.MAX_TOKENS == 2048
    assert (seen.find("token 9"), seen.find("token 10")) == (None, {"jti": 10})


def test_pruning_leaves_the_keys_whose_tokens_are_still_good(alice):
    issued = log_in()
    keyring.rotate()
    call_command("prune", keep_days=0, verbosity=0, stdout=StringIO())
    keyring.reload()
    assert identities.identify(issued.access).username == "alice"
    SigningKey.objects.filter(use=Use.PREVIOUS).update(retires_at=now() - timedelta(seconds=1))
    call_command("prune", keep_days=0, verbosity=0, stdout=StringIO())
    assert not SigningKey.objects.filter(use=Use.PREVIOUS).exists()
    assert SigningKey.objects.count() == 2


def test_the_key_that_signs_cannot_be_retired(alice):
    issued = log_in()
    assert keyring.retire(kid_of(issued.access)) is False
    assert keyring.retire(SigningKey.objects.get(use=Use.NEXT).kid) is False
    assert identities.identify(issued.access).username == "alice"


def test_a_previous_key_counts_until_the_last_token_it_signed_has_expired(alice):
    issued = log_in()
    keyring.rotate()
    old = SigningKey.objects.get(use=Use.PREVIOUS)
    assert old.retires_at
    assert abs(old.retires_at - now() - policy.longest_lifetime()) < timedelta(minutes=1)
    SigningKey.objects.filter(pk=old.pk).update(retires_at=now() - timedelta(seconds=1))
    keyring.reload()
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)
    keyring.rotate()
    assert not SigningKey.objects.filter(pk=old.pk).exists()


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_nothing_private_is_published(settings, algorithm):
    make_anew(settings, algorithm)
    published = keyring.jwks()["keys"]
    assert {key["kid"] for key in published} == set(
        SigningKey.objects.values_list("kid", flat=True)
    )
    for key in published:
        assert not PRIVATE_PARTS & key.keys()
        assert (key["alg"], key["use"]) == (algorithm, "sig")


def test_a_shared_secret_is_not_published(settings, alice):
    make_anew(settings, "HS256")
    assert keyring.jwks() == {"keys": []}
    assert identities.identify(log_in().access).username == "alice"


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_token_is_verified_with_the_published_keys_alone(settings, alice, algorithm):
    make_anew(settings, algorithm)
    token = log_in().access
    published = jwt.PyJWKSet.from_dict(json.loads(json.dumps(keyring.jwks())))
    claims = jwt.decode(
        token, published[kid_of(token)], algorithms=[algorithm], issuer="http://testserver"
    )
    assert (claims["sub"], claims["token_type"]) == (str(alice.uuid), "access")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA", "HS256"])
def test_the_same_claims_are_the_same_token(settings, algorithm):
    """A repeated refresh signs the successor again, and must get the same text."""
    make_anew(settings, algorithm)
    assert len({keyring.current().sign({"sub": "alice"}) for _ in range(5)}) == 1


def test_tokens_of_another_algorithm_stay_good_when_the_setting_changes(settings, alice):
    issued = log_in()
    settings.SIGNING_ALGORITHM = "EdDSA"
    keyring.rotate()
    keyring.rotate()
    assert jwt.get_unverified_header(log_in().access)["alg"] == "EdDSA"
    assert identities.identify(issued.access).username == "alice"
