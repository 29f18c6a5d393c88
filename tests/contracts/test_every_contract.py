"""Tests that hold in every contract, at its documented paths and alone under /c/<name>."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import include, path

from accounts import keyring
from accounts.api.contract import ErrorResponse
from accounts.api.viewsets import OpenViewSet
from accounts.errors import InvalidCredentials
from accounts.models import Session, SigningKey, User
from authsvc.contracts import bearer, camel, registry, urls
from authsvc.contracts.contract_settings import from_settings
from authsvc.contracts.shared_paths import jointly
from tests.conftest import PASSWORD, Caller
from tests.contracts.client import ContractClient
from tests.contracts.clients import ALONE, BY_NAME, CLIENTS, DAY, REFRESHING
from tests.contracts.endpoints import GETS, LOGOUTS

pytestmark = pytest.mark.django_db
PROTECTED = [endpoint.path for endpoint in GETS]
LOGOUT_PATHS = [endpoint.path for endpoint in LOGOUTS]
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)
each_alone = pytest.mark.parametrize("client", ALONE, ids=str)


def registered(client: ContractClient) -> registry.Registered:
    return next(each for each in registry.registered() if each.contract.name == client.name)


def statuses(caller: Caller, token: str) -> set[int]:
    return {caller.get(protected, token).status_code for protected in PROTECTED}


def plainly(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """Return all that a client can see of an answer, but for the request's own id."""
    return (
        answer.status_code,
        answer.content,
        {name: value for name, value in answer.headers.items() if name != "X-Request-ID"},
    )


# Logging in


@every_client
def test_a_login_opens_a_session_of_its_contract(caller, alice, client):
    _, refresh = client.tokens(caller)
    session = Session.objects.get()
    assert (session.user, session.contract, session.revoked_at) == (alice, client.opens, None)
    lifetime = round((session.expires_at - session.created_at).total_seconds())
    assert lifetime == client.session_lifetime.total_seconds()
    assert bool(refresh) == bool(client.refreshes)


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
@pytest.mark.parametrize("logout", LOGOUT_PATHS)
def test_a_logout_in_one_contract_ends_the_session_in_all(caller, alice, client, logout):
    (access, refresh), (elsewhere, _) = client.tokens(caller), client.tokens(caller)
    caller.http.cookies.clear()
    assert caller.json(logout, token=access).status_code == 200
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


# Refusals


@every_client
def test_malformed_json(caller, alice, client):
    answer = client.send(caller, b'{"username": "alice", "password"')
    status = client.invalid_status
    assert (answer.status_code, answer.json()) == (status, client.refusal(status, "Malformed JSON"))


@every_client
def test_json_without_a_content_type_is_json(caller, alice, client):
    body = json.dumps(client.login_fields("alice", PASSWORD)).encode()
    unlabelled = caller.http.post(client.login_path, body, content_type="")
    assert unlabelled.status_code == 200
    assert {session.contract for session in Session.objects.all()} == {client.opens_by_json}


@every_client
def test_a_form_without_a_content_type_is_malformed_json(caller, alice, client):
    answer = caller.http.post(client.login_path, b"username=alice", content_type="")
    status = client.invalid_status
    assert (answer.status_code, answer.json()) == (status, client.refusal(status, "Malformed JSON"))


@every_client
def test_a_content_type_that_nobody_reads(caller, alice, client):
    answer = caller.http.post(client.login_path, "alice", content_type="text/plain")
    assert (answer.status_code, answer.json()) == (
        415,
        client.refusal(415, "Unsupported content type"),
    )


@every_client
@pytest.mark.parametrize("end", ["nothing", "login/more", "Login", "", "loginx", "..", "login//"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_is_there(caller, client, end, method):
    answer = caller.http.generic(method, client.path(end), "{}", content_type="application/json")
    assert (answer.status_code, answer.json()) == (404, client.refusal(404, "Not found"))
    assert answer["Cache-Control"] == "no-store"


@every_client
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE"])
def test_a_method_that_the_document_does_not_name(caller, client, method):
    answer = caller.http.generic(method, client.login_path)
    assert (answer.status_code, answer.json()) == (405, client.refusal(405, "Method not allowed"))
    assert answer["Allow"] == "POST, OPTIONS"


@every_client
def test_an_unforeseen_error(caller, alice, client, caplog):
    SigningKey.objects.update(private="not what was stored")
    keyring.forget()
    answer = client.log_in(caller)
    assert (answer.status_code, answer.json()) == (
        500,
        client.refusal(500, "Internal server error"),
    )
    assert answer["Cache-Control"] == "no-store"
    assert "UnusableKeyring" in caplog.text
    assert PASSWORD not in caplog.text


class Broken(OpenViewSet):
    def post(self, request):
        raise RuntimeError("of a kind that nobody thought of")


@each_alone
def test_an_error_of_any_kind(caller, settings, client):
    settings.ROOT_URLCONF = routes(
        path("v1/broken", Broken.as_view({"post": "post"}, contract=registered(client).contract))
    )
    answer = caller.json("/v1/broken")
    assert (answer.status_code, answer.json()) == (
        500,
        client.refusal(500, "Internal server error"),
    )


@every_client
def test_no_answer_is_kept_by_a_cache(caller, alice, client):
    good, wrong, lost = (
        client.log_in(caller),
        client.log_in(caller, password="wrong"),
        caller.get(client.path("nothing")),
    )
    assert [answer.status_code for answer in (good, wrong, lost)] == [200, 401, 404]
    for answer in (good, wrong, lost):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"


@every_client
def test_each_401_says_how_to_come_in(caller, alice, client):
    access, refresh = client.tokens(caller)
    caller.json("/v1/token-revoke", {"refresh_token": refresh}) if refresh else caller.json(
        client.path(client.logouts[0].end), token=access
    )
    answers = [
        client.log_in(caller, password="wrong"),
        *(caller.get(protected, token) for protected in PROTECTED for token in ("", access)),
    ]
    answers += [client.refresh(caller, access, refresh)] if refresh else []
    assert [(answer.status_code, answer["WWW-Authenticate"]) for answer in answers] == [
        (401, "Bearer")
    ] * len(answers)


@pytest.mark.parametrize("protected", PROTECTED)
@pytest.mark.parametrize(
    "authorization",
    ["Basic YWxpY2U6eA==", "Token {}", "Bearer", "Bearer {} {}", "Bearer {}, Bearer {}", "{}"],
)
def test_an_authorization_of_another_kind(caller, alice, protected, authorization):
    access, _ = CLIENTS[0].tokens(caller)
    answer = caller.get(protected, Authorization=authorization.replace("{}", access))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("protected", PROTECTED)
def test_a_token_counts_only_in_its_header(caller, alice, protected):
    access, _ = CLIENTS[0].tokens(caller)
    caller.http.cookies["access_token"] = access
    assert caller.get(f"{protected}?access_token={access}&token={access}").status_code == 401


# A slash at the end


@every_client
def test_a_slash_at_the_end_answers_the_same(caller, alice, client):
    with_slash, without = (
        client.log_in(caller, end=f"{client.logins[0].end}/"),
        client.log_in(caller),
    )
    assert (with_slash.status_code, with_slash.json().keys()) == (200, without.json().keys())
    refused = (
        client.log_in(caller, password="wrong", end=end)
        for end in (client.logins[0].end, f"{client.logins[0].end}/")
    )
    assert len({(answer.status_code, answer.content) for answer in refused}) == 1


@pytest.mark.parametrize("protected", PROTECTED)
def test_a_slash_at_the_end_of_what_is_protected(caller, alice, protected):
    access, _ = CLIENTS[0].tokens(caller)
    for token in (access, ""):
        assert plainly(caller.get(f"{protected}/", token)) == plainly(caller.get(protected, token))


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_slash_at_the_end_of_a_refresh(caller, alice, client):
    end = f"{client.refreshes[0].end}/"
    assert client.refresh(caller, *client.tokens(caller), end=end).status_code == 200


@pytest.mark.parametrize("logout", LOGOUT_PATHS)
def test_a_slash_at_the_end_of_a_logout(caller, alice, logout):
    access, _ = CLIENTS[0].tokens(caller)
    assert caller.json(f"{logout}/", token=access).status_code == 200
    assert statuses(caller, access) == {401}


@pytest.mark.parametrize("protected", PROTECTED)
def test_head_is_a_get(caller, alice, protected):
    access, _ = CLIENTS[0].tokens(caller)
    asked = (
        caller.http.head(protected, headers=caller.headers(token, {})) for token in (access, "")
    )
    assert [answer.status_code for answer in asked] == [200, 401]


# Settings


@each_alone
def test_lifetimes_come_from_the_environment(caller, alice, settings, monkeypatch, client):
    monkeypatch.setenv(f"{client.name.upper()}_ACCESS_LIFETIME", "15m")
    monkeypatch.setenv(f"{client.name.upper()}_REFRESH_LIFETIME", "2d")
    contract, own_urls = registered(client)
    contract = replace(contract, policy=from_settings(contract.policy))
    settings.ROOT_URLCONF = routes(
        *urls.mounted(f"c/{client.name}/{contract.mount}", own_urls(contract), contract)
    )
    access, refresh = (
        jwt.decode(token, options={"verify_signature": False}) if token else {}
        for token in client.tokens(caller)
    )
    assert access["exp"] - access["iat"] == 900
    assert not client.refreshes or refresh["exp"] - refresh["iat"] == 2 * DAY


def routes(*patterns: Any) -> type:
    """Return a URL configuration of the test's own."""
    return type(
        "Routes", (), {"urlpatterns": [*patterns, path("", include("accounts.pages.urls"))]}
    )  # pages, which the log's filter knows


@pytest.fixture
def only(settings):
    """Serve only these contracts."""

    def serve(*names: str) -> None:
        settings.ROOT_URLCONF = routes(*urls.urls(frozenset(names)))

    return serve


@pytest.mark.parametrize(
    "names",
    [("bearer", "form"), ("camel",), ("challenge",), ("envelope", "camel"), ("form",), ()],
    ids=",".join,
)
def test_a_contract_that_is_off_is_not_there(caller, alice, only, names):
    only(*names)
    for client in CLIENTS:
        json_twins = (
            not client.prefix
            and client.name in ("bearer", "camel")
            and {"bearer", "camel"} & set(names)
        )
        answer = client.log_in(caller)
        if client.name in names or json_twins:
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()) == (404, client.refusal(404, "Not found"))


@pytest.mark.parametrize(
    "names", [("bearer",), ("camel",), ("form",), ("challenge",)], ids=",".join
)
def test_the_other_paths_of_a_contract_that_is_off_are_not_there_either(caller, alice, only, names):
    only(*names)
    homes = {
        "refresh": {"bearer", "camel", "form"},
        "logout": {"bearer", "camel", "form"},
        "token": {"form"},
        "me": {"form"},
    }
    for end, homes_of_it in homes.items():
        answer = caller.http.generic("GET" if end == "me" else "POST", f"/api/v1/auth/{end}")
        assert (answer.status_code == 404) == (not homes_of_it & set(names)), end


def test_a_refresh_of_a_contract_that_is_off(caller, alice, only):
    access, refresh = BY_NAME["camel"].tokens(caller)
    only("bearer", "form")
    assert BY_NAME["camel"].refresh(caller, access, refresh).status_code == 404
    assert BY_NAME["bearer"].refresh(caller, access, refresh).status_code == 200


def test_alone_each_json_contract_says_only_its_own(caller, alice, only):
    only("camel", "envelope")
    assert BY_NAME["camel"].log_in(caller).json().keys() == {
        "token",
        "refreshToken",
        "expires_in",
        "user",
    }
    only("bearer", "form")
    assert BY_NAME["bearer"].log_in(caller).json().keys() == {
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "user",
    }


@pytest.mark.parametrize(
    ("names", "opened_by", "message"),
    [
        (("bearer", "form"), "bearer", "Successfully logged out"),
        (("bearer", "form"), "form", "Logged out successfully."),
        (("bearer",), "bearer", "Successfully logged out"),
        (("form", "challenge"), "challenge", "Logged out successfully."),
    ],
)
def test_with_some_contracts_off_logout_says_what_the_others_say(
    caller, alice, only, names, opened_by, message
):
    only(*names)
    access, _ = BY_NAME[opened_by].tokens(caller)
    answer = caller.json("/api/v1/auth/logout", token=access)
    assert (answer.status_code, answer.json()) == (200, {"message": message})


def test_words_of_camel_reach_its_login_at_the_shared_path():
    """And two sentences for one refusal of the login that they share end the start."""
    words: dict[type[BaseException], ErrorResponse] = {
        InvalidCredentials: ErrorResponse(401, "Wrong")
    }
    others: dict[type[BaseException], ErrorResponse] = {
        InvalidCredentials: ErrorResponse(401, "No")
    }
    assert jointly(bearer.contract, camel.contract.with_phrases(words)).error_response(
        InvalidCredentials()
    ) == ErrorResponse(401, "Wrong")
    assert jointly(
        bearer.contract.with_phrases(words), camel.contract.with_phrases(words)
    ).error_response(InvalidCredentials()) == ErrorResponse(401, "Wrong")
    with pytest.raises(ImproperlyConfigured, match=r"bearer and camel .* InvalidCredentials"):
        jointly(bearer.contract.with_phrases(others), camel.contract.with_phrases(words))


def test_below_c_there_are_five(caller):
    answer = caller.json("/c/another/api/v1/auth/login")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
