"""Services that verify with the published keys alone, by PyJWT's manual.

They accept access tokens and no others.
"""

from datetime import timedelta

import jwt
import pytest

from accounts import identities, keyring, refresh, sessions
from accounts.errors import InvalidRefreshToken, InvalidToken
from accounts.models import User
from accounts.policy import Policy
from accounts.tokens import AccessToken
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
BODY = {"username": "alice", "password": PASSWORD}
POLICY = Policy(name="challenge", access=timedelta(hours=24), refresh=timedelta(days=90))


def verified(token: str, **options) -> dict:
    """Return the claims if any published key verifies: with one key, some ignore ``kid``."""
    keys = jwt.PyJWKSet.from_dict(keyring.jwks()).keys
    refusal: Exception = jwt.InvalidTokenError("no key")
    for key in keys:
        try:
            return jwt.decode(
                token, key, algorithms=["ES256"], issuer="http://testserver", **options
            )
        except jwt.InvalidTokenError as error:
            refusal = error
    raise refusal


@pytest.fixture
def issued(alice):
    return sessions.open_session(POLICY, "alice", PASSWORD)


def test_an_access_token_is_verified(issued, alice):
    assert verified(issued.access)["sub"] == str(alice.uuid)


@pytest.mark.parametrize("kind", ["refresh", "identity"])
def test_no_other_token_of_a_session_is(issued, kind):
    for options in ({}, {"audience": "challenge"}, {"options": {"verify_aud": False}}):
        with pytest.raises(jwt.InvalidTokenError):
            verified(getattr(issued, kind), **options)


def test_the_string_of_a_challenge_is_not(caller, alice):
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    session = caller.json("/v1/login", BODY).json()["session"]
    with pytest.raises(jwt.InvalidTokenError):
        verified(session)


def test_no_refresh_token_of_any_contract_is(caller, alice):
    tokens = [
        caller.json("/c/bearer/api/v1/auth/login", BODY).json()["refresh_token"],
        caller.json("/c/camel/api/v1/auth/login", BODY).json()["refreshToken"],
        caller.multipart("/c/form/api/v1/auth/login", **BODY).json()["refresh_token"]["token"],
        caller.json("/c/challenge/v1/login", BODY).json()["refresh_token"],
    ]
    for token in tokens:
        with pytest.raises(jwt.InvalidTokenError):
            verified(token)


def test_an_id_token_names_its_audience(issued):
    claims = jwt.decode(issued.identity, options={"verify_signature": False})
    assert (claims["aud"], claims["preferred_username"]) == ("challenge", "alice")


def test_no_unpublished_key_makes_an_access_token(issued):
    """The secret of refresh tokens signs nothing that services accept."""
    claims = jwt.decode(issued.access, options={"verify_signature": False})
    with pytest.raises(InvalidToken):
        identities.identify(keyring.current().unpublished.sign(claims))


def test_the_unpublished_key_goes_with_the_published_one(issued, alice):
    keyring.rotate()
    assert refresh.refresh_session(POLICY, issued.refresh).username == "alice"
    keyring.retire(jwt.get_unverified_header(issued.access)["kid"])
    with pytest.raises(InvalidRefreshToken):
        refresh.refresh_session(POLICY, issued.refresh)


def test_the_type_of_rfc_9068_stands_in_access_tokens_alone(settings, alice):
    settings.ACCESS_TOKEN_TYP = "at+jwt"
    issued = sessions.open_session(POLICY, "alice", PASSWORD)
    types = [
        jwt.get_unverified_header(token)["typ"]
        for token in (issued.access, issued.refresh, issued.identity)
    ]
    assert types == ["at+jwt", "JWT", "JWT"]
    assert identities.identify(issued.access).username == "alice"
    assert AccessToken.read(issued.access).session_id == issued.session_id
