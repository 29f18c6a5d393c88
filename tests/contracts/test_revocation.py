"""RFC 7009, for a service that Bob runs: it ends the sessions of the tokens that it has."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from authlib.integrations.requests_client import OAuth2Session
from django.utils.timezone import now

from accounts import keyring, sessions
from accounts.audit import event_messages
from accounts.models import AuditEvent, Session
from accounts.tokens import AccessToken, RefreshToken
from apikeys.models import APIKey
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.contracts.clients import ALONE
from tests.contracts.endpoints import statuses

pytestmark = pytest.mark.django_db
PATH = "/oauth2/revoke"
REFRESHING = [client for client in ALONE if client.refreshes]


@pytest.fixture
def issued(bob):
    return APIKey.objects.issue(bob.pk, scopes=["revoke"], revoke_granted_at=now())


@pytest.fixture
def key(issued):
    return issued[1]


@pytest.fixture
def tokens(caller, alice):
    """An access and a refresh token of Alice's."""
    return REFRESHING[0].tokens(caller)


def revoke(caller, token, key, **more):
    return caller.form(PATH, urlencode({"token": token, **more}), key)


@pytest.mark.parametrize("client", ALONE, ids=str)
def test_an_access_token_of_every_contract_ends_its_session(caller, alice, key, client):
    (access, refresh), (elsewhere, _) = client.tokens(caller), client.tokens(caller)
    answer = revoke(caller, access, key)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not answer.has_header("Content-Type")
    assert statuses(caller, access) == {401}
    assert statuses(caller, elsewhere) == {200}
    assert not refresh or client.refresh(caller, access, refresh).status_code == 401


@pytest.mark.parametrize("client", REFRESHING, ids=str)
@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token", "saml2", "ünknown"])
def test_a_refresh_token_ends_it_too_whatever_the_hint(caller, alice, key, client, hint):
    access, refresh = client.tokens(caller)
    more = {"token_type_hint": hint} if hint else {}
    assert revoke(caller, refresh, key, **more).status_code == 200
    assert statuses(caller, access) == {401}
    assert client.refresh(caller, access, refresh).status_code == 401


@pytest.mark.parametrize("hint", ["x" * 5000, "жетон", "\0", "", None, 5, ["refresh_token"], {}])
def test_a_hint_that_is_not_known_is_ignored(caller, alice, key, hint):
    """RFC 7009, 2.1; also a long one, and one that is no text."""
    access, _ = ALONE[0].tokens(caller)
    assert caller.json(PATH, {"token": access, "token_type_hint": hint}, key).status_code == 200
    assert statuses(caller, access) == {401}


def test_a_refresh_token_that_was_replaced_ends_its_session(caller, alice, key):
    (form,) = (client for client in ALONE if client.name == "form")
    access, spent = form.tokens(caller)
    caller.json(form.path("refresh"), {"token": spent}, access)
    revoke(caller, spent, key)
    assert statuses(caller, access) == {401}


@pytest.mark.parametrize("cls", [AccessToken, RefreshToken])
def test_a_token_that_has_expired_ends_its_session_all_the_same(caller, alice, key, cls):
    """Its session may go on: a refresh makes new tokens."""
    at = now()
    session = alice.sessions.create(
        contract="bearer", last_used_at=at, expires_at=at + timedelta(days=1)
    )
    claims = {"sub": str(alice.uuid), "sid": str(session.pk), "contract": "bearer", "jti": "a"}
    times = {"at": at - timedelta(hours=2), "expires": at - timedelta(seconds=1)}
    assert revoke(caller, cls.issue(**times, **claims), key).status_code == 200
    assert not Session.objects.live().exists()


def test_the_audit_log_says_which_key_it_was(caller, alice, issued, tokens):
    revoke(caller, tokens[0], issued[1])
    event = AuditEvent.objects.get(kind="revoke")
    assert (event.user, event.session, event.contract) == (
        alice,
        Session.objects.get().pk,
        "revocation",
    )
    assert event_messages.text(event) == (
        "alice's session was ended by revoking a token of it: "
        f"by a service, with {issued[0].public_id}."
    )


def test_revoking_again_changes_nothing(caller, key, tokens):
    assert [revoke(caller, token, key).status_code for token in (*tokens, *tokens)] == [200] * 4
    assert AuditEvent.objects.filter(kind="revoke").count() == 1


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_revoking_at_the_same_time_is_one_event(caller, key, tokens):
    done = at_once(*[lambda: sessions.revoke_token(tokens[0], "revoked_by_key", {})] * 4)
    assert done == [None] * 4
    assert AuditEvent.objects.filter(kind="revoke").count() == 1
    assert not Session.objects.live().exists()


@pytest.mark.parametrize(
    "wrong", ["nonsense", "a.b.c", "sk_live_x", "жетон", "x" * 60_000, "eyJhbGciOiJub25lIn0.e30."]
)
def test_a_text_that_is_no_token_is_200_as_well(caller, key, tokens, wrong):
    assert revoke(caller, wrong, key).status_code == 200
    assert Session.objects.live().count() == 1
    assert not AuditEvent.objects.filter(kind="revoke").exists()


def test_a_forged_token_ends_nothing(caller, key, tokens):
    head, body, signature = tokens[0].split(".")
    for forged in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body}.", f".{body}.{signature}"):
        assert revoke(caller, forged, key).status_code == 200
    assert statuses(caller, tokens[0]) == {200}


def test_a_token_of_a_retired_key_ends_nothing(caller, key, tokens):
    kid = keyring.current().kid
    keyring.rotate()
    keyring.retire(kid)
    assert revoke(caller, tokens[0], key).status_code == 200
    assert Session.objects.live().exists()


def test_an_api_key_is_of_no_type_that_is_revoked_here(caller, key, bob):
    other = APIKey.objects.issue(bob.pk)[1]
    for given in (key, other):
        answer = revoke(caller, given, key)
        assert (answer.status_code, answer.json()) == (
            400,
            {
                "error": "unsupported_token_type",
                "error_description": "API keys are ended by their owner or an operator",
            },
        )
    assert caller.get("/api/v1/auth/me", other).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "status"), [(["profile"], 403), (["introspect"], 403), (["revoke"], 200)]
)
def test_only_a_key_of_that_scope_revokes(caller, bob, tokens, scopes, status):
    granted = {"granted_at": now(), "revoke_granted_at": now()}
    key = APIKey.objects.issue(bob.pk, scopes=scopes, **granted)[1]
    assert revoke(caller, tokens[0], key).status_code == status
    assert Session.objects.live().exists() == (status == 403)


def test_nobody_else_revokes(caller, bob, tokens):
    ungranted = APIKey.objects.issue(bob.pk, scopes=["revoke"])[1]
    assert revoke(caller, tokens[0], ungranted).status_code == 403
    for token in ("", tokens[0]):
        answer = revoke(caller, tokens[0], token)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert Session.objects.live().exists()


def test_bob_makes_no_such_key_himself(caller, bob):
    body = {"username": "bob", "password": PASSWORD}
    token = caller.json("/api/auth/login", body).json()["token"]
    assert caller.json("/api/v1/auth/keys", {"scopes": ["revoke"]}, token).status_code == 403


@pytest.mark.parametrize("body", ["", "token=", "token=a&token=b", "[1]", "token=%ff"])
def test_malformed_requests(caller, key, body):
    answer = caller.form(PATH, body, key)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_revocation_is_so_many_queries(caller, key, tokens, django_assert_num_queries):
    """The key, the owner of the session, its end in four, and the event."""
    with django_assert_num_queries(1):
        revoke(caller, "nonsense", key)
    with django_assert_num_queries(7):
        revoke(caller, tokens[0], key)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_revokes(live_server, caller, alice, issued, method):
    key_id, key = issued[0].public_id, issued[1]
    with OAuth2Session(key_id, key, revocation_endpoint_auth_method=method) as session:
        for client in ALONE:
            access, refresh = client.tokens(caller)
            for token, hint in ((refresh or access, "refresh_token"), (access, None)):
                answer = session.revoke_token(f"{live_server.url}{PATH}", token, hint)
                assert (answer.status_code, answer.content) == (200, b"")
            assert statuses(caller, access) == {401}
