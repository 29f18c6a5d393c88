"""Contracts that the environment switches off or changes."""

from dataclasses import replace
from typing import Any

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path

from accounts.api.contract import ErrorResponse
from accounts.errors import InvalidCredentials
from authsvc.contracts import bearer, camel, registry, urls
from authsvc.contracts.contract_settings import from_settings
from authsvc.contracts.shared_paths import jointly
from tests.contracts.client import ContractClient
from tests.contracts.clients import ALONE, BY_NAME, CLIENTS, DAY

pytestmark = pytest.mark.django_db
each_alone = pytest.mark.parametrize("client", ALONE, ids=str)


def registered(client: ContractClient) -> registry.Registered:
    return next(each for each in registry.registered() if each.contract.name == client.name)


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
    """Two sentences for one refusal of the login that they share end the start."""
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


def test_below_c_there_is_no_other_contract(caller):
    answer = caller.json("/c/another/api/v1/auth/login")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
