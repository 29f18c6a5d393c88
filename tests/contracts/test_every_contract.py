"""Tests that hold in every contract, at its documented paths and alone under /c/<name>."""

import re
from datetime import timedelta

import jwt
import pytest
from django.test import Client

from accounts.models import Session, User
from accounts.status_lists import indices
from tests.conftest import PASSWORD, Caller
from tests.contracts.answers import plainly
from tests.contracts.clients import ALONE, CLIENTS, REFRESHING
from tests.contracts.endpoints import LOGOUTS, PROTECTED, each, statuses

pytestmark = pytest.mark.django_db
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


# Logging in


@every_client
def test_a_login_opens_a_session_of_its_contract(caller, alice, client):
    _, refresh = client.tokens(caller)
    session = Session.objects.get()
    assert (session.user, session.contract, session.revoked_at) == (alice, client.opens, None)
    lifetime = round((session.expires_at - session.created_at).total_seconds())
    assert lifetime == client.session_lifetime.total_seconds()
    assert bool(refresh) == bool(client.refreshes)


def claims_of(body):
    """Return the claims of every token in the body of an answer."""
    tokens = re.findall(rb"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}", body)
    return [jwt.decode(token, options={"verify_signature": False}) for token in tokens]


@every_client
def test_access_tokens_name_the_place_of_their_session_in_a_status_list(caller, alice, client):
    """It is the same after a refresh; no other token names one."""
    answer = client.log_in(caller)
    bodies = [answer.content]
    access, refresh = client.tokens_in(answer.json())
    if refresh:
        bodies.append(client.refresh(caller, access, refresh).content)
    place = indices.claim(Session.objects.get().status_index)["status"]
    assert place["status_list"]["uri"] == "http://testserver/statuslists/1"
    for body in bodies:
        named = {each["token_type"]: each.get("status") for each in claims_of(body)}
        assert named == dict.fromkeys(named) | {"access": place}


@every_client
def test_wrong_unknown_and_inactive_look_the_same(caller, alice, bob, client):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    wrong, unknown, inactive = (
        client.log_in(caller, *tried)
        for tried in (("alice", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD))
    )
    assert wrong.status_code == 401
    assert plainly(wrong) == plainly(unknown) == plainly(inactive)


@every_client
@pytest.mark.parametrize(
    "typed",
    [
        "ALICE",
        "  alice ",
        "ａｌｉｃｅ",
        "Alice@Example.COM",
        " alice@example.com\n",
        "alice＠example.com",
    ],
)
def test_a_name_may_be_typed_in_other_ways(caller, alice, client, typed):
    assert client.log_in(caller, typed).status_code == 200
    assert Session.objects.get().user == alice


@every_client
def test_a_name_that_only_looks_alike_is_another(caller, alice, client):
    alikes = (
        "аlice",
        "alıce",
        "alice\u200b",
        "al ice",
        "alice@example.com.",
        "àlice",
        "alice@exаmple.com",
    )
    assert {client.log_in(caller, alike).status_code for alike in alikes} == {401}


@every_client
def test_a_password_is_taken_as_it_is(caller, alice, client):
    long = f" {'é' * 88}1{'x' * 10} "
    alice.set_password(long)
    alice.save()
    near = (
        long.strip(),
        long[:-1],
        long.replace("1", "2"),
        long.replace("é", "e\u0301"),
        long.upper(),
        long[:72],
    )
    assert {client.log_in(caller, password=password).status_code for password in near} == {401}
    assert client.log_in(caller, password=long).status_code == 200


@every_client
def test_fields_that_no_document_names_change_nothing(caller, alice, bob, client):
    usual = client.log_in(caller).json()
    greedy = client.log_in(
        caller,
        expires_in="999999999",
        is_admin="true",
        is_staff="true",
        user_id=str(bob.pk),
        scope="admin",
    ).json()
    assert greedy.keys() == usual.keys()
    first, second = Session.objects.order_by("created_at")
    assert first.user == second.user == alice
    assert abs(
        (second.expires_at - second.created_at) - (first.expires_at - first.created_at)
    ) < timedelta(seconds=1)
    alice.refresh_from_db()
    assert not alice.is_admin


@every_client
def test_somebody_who_must_change_the_password_gets_no_session(caller, alice, client):
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    answer = client.log_in(caller)
    if client.issues_challenges:
        assert answer.json() == {
            "challenge_name": "NEW_PASSWORD_REQUIRED",
            "session": answer.json()["session"],
        }
    else:
        assert (answer.status_code, answer.json()) == (
            403,
            client.refusal(403, "Password change required"),
        )
    assert not Session.objects.exists()


@every_client
def test_an_operators_browser_changes_nothing(alice, olga, client):
    caller = Caller()
    caller.http = Client(enforce_csrf_checks=True)
    caller.http.force_login(olga)
    assert statuses(caller, "") == {401}
    answer = client.log_in(caller)
    assert answer.status_code == 200
    assert set(answer.cookies) == client.login_cookies
    assert Session.objects.get().user == alice


# One core


@every_client
def test_a_token_is_good_at_every_protected_endpoint(caller, alice, client):
    access, _ = client.tokens(caller)
    assert statuses(caller, access) == {200}
    assert {
        caller.get(PROTECTED[0], Authorization=f"{scheme} {access}").status_code
        for scheme in ("bearer", "BEARER")
    } == {200}


@every_client
@each(LOGOUTS)
def test_a_logout_in_one_contract_ends_the_session_in_all(caller, alice, client, endpoint):
    (access, refresh), (elsewhere, _) = client.tokens(caller), client.tokens(caller)
    caller.http.cookies.clear()
    done = caller.json(endpoint.path, token=access, method=endpoint.method)
    assert done.status_code == 200
    assert statuses(caller, access) == {401}
    assert statuses(caller, elsewhere) == {200}
    assert not refresh or client.refresh(caller, access, refresh).status_code == 401


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_revocation_ends_the_session_in_all(caller, alice, client):
    access, refresh = client.tokens(caller)
    assert caller.json("/v1/token-revoke", {"refresh_token": refresh}).status_code == 200
    assert statuses(caller, access) == {401}
    assert client.refresh(caller, access, refresh).status_code == 401


@pytest.mark.parametrize("client", REFRESHING, ids=str)
@pytest.mark.parametrize("issuer", [each for each in ALONE if each.refreshes], ids=str)
def test_a_refresh_token_is_good_only_in_its_contract(caller, alice, issuer, client):
    access, refresh = issuer.tokens(caller)
    related = issuer.name in client.accepts_refresh_from | {client.name}
    assert client.refresh(caller, access, refresh).status_code == (200 if related else 401)
    assert issuer.refresh(caller, access, refresh).status_code == 200


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_only_a_refresh_token_refreshes(caller, alice, client):
    access, _ = client.tokens(caller)
    assert client.refresh(caller, access, access).status_code == 401
    assert statuses(caller, access) == {200}


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_refresh_token_opens_nothing(caller, alice, client):
    assert statuses(caller, client.tokens(caller)[1]) == {401}


@every_client
def test_a_deactivated_account_is_out_at_once(caller, alice, client):
    access, refresh = client.tokens(caller)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert statuses(caller, access) == {401}
    assert not refresh or client.refresh(caller, access, refresh).status_code == 401
