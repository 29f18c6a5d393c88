"""Contracts whose paths cannot be served: each stops the start with a sentence."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from rest_framework import serializers

from accounts import errors
from accounts.api.contract import ErrorResponse
from accounts.api.viewsets import LoginViewSet, RefreshViewSet
from apikeys.viewsets import KeyViewSet
from authsvc.contracts import fields, reachability, registry, route_checks, urls
from authsvc.contracts.routes import route
from tests.contracts.somewhere import legacy
from tests.contracts.somewhere.legacy import Login, LoginRequest, LoginResponse, WhoAmI, contract


def refused(own_urls, contract=contract):
    """Return what the start says of a contract with these paths, after its name."""
    with pytest.raises(ImproperlyConfigured) as stopped:
        route_checks.own_urls(contract, own_urls)
    assert "\n" not in str(stopped.value)
    return str(stopped.value).partition("can be served; legacy cannot: ")[2]


def at(viewset, actions, contract=contract, **options):
    """Return what the start says of this one route."""
    said = refused(lambda contract: route("place", viewset, actions, contract, **options), contract)
    return said.removeprefix("at its path place, ")


def test_the_paths_of_every_contract_can_be_served():
    for each in registry.registered():
        assert route_checks.own_urls(*each)
    reachability.check(urls.urlpatterns)


@pytest.mark.parametrize("returned", [None, [], "paths", ["x", 1], 5, [legacy.Login]])
def test_urls_returns_paths(returned):
    assert refused(lambda contract: returned).startswith("urls must return a list of paths, ")


def test_urls_may_be_a_generator():
    generator: Any = lambda contract: iter(legacy.urls(contract))  # noqa: E731
    assert len(route_checks.own_urls(contract, generator)) == len(legacy.urls())


def test_an_error_in_urls_is_told_with_its_file_and_line():
    line = (lambda: 0).__code__.co_firstlineno
    said = refused(lambda contract: [1 / 0])
    assert said == f"urls fails: ZeroDivisionError: division by zero ({__file__}, line {line + 1})."
    said = refused(lambda: [])
    assert "TypeError: " in said
    assert f"({__file__}, line {line + 3})" in said
    assert "invalid keyword 'colour'" in at(Login, {"post": "login"}, colour="red")


def test_a_path_has_no_slash_at_its_start():
    said = refused(lambda contract: route("/log_in", Login, {"post": "login"}, contract))
    assert said == "its path /log_in must not begin with a slash."


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        ({"post": "logn"}, "Login has no operation 'logn'."),
        ({"post": "refresh"}, "Login has no operation 'refresh'."),
        ({"post": None}, "Login has no operation None."),
        ({"pst": "login"}, "'pst' is no HTTP method in small letters."),
        ({"POST": "login"}, "'POST' is no HTTP method in small letters."),
    ],
)
def test_a_route_binds_a_method_to_an_operation(actions, complaint):
    assert at(Login, actions) == complaint


def test_a_route_has_a_contract_whose_wording_can_be_served():
    own = path("log_in", Login.as_view({"post": "login"}))
    assert "contract must be a Contract, and is None" in refused(lambda contract: [own])
    odd = contract.with_phrases({errors.InvalidToken: ErrorResponse(200, "No")})
    assert "the phrase for InvalidToken must be" in refused(
        lambda contract: route("log_in", Login, {"post": "login"}, odd)
    )


class RawLogin(LoginViewSet):
    login_response = LoginResponse


@pytest.mark.parametrize("serializer", [None, LoginRequest(), dict, "LoginRequest"])
def test_an_operation_has_its_serializers(serializer):
    said = "RawLogin.login_request, which login uses, must be a serializer class."
    assert at(RawLogin, {"post": "login"}) == said
    given = type("RawLogin", (RawLogin,), {"login_request": serializer})
    assert at(given, {"post": "login"}) == said
    options = {"login_request": LoginRequest}
    assert route_checks.own_urls(
        contract, lambda contract: route("log_in", given, {"post": "login"}, contract, **options)
    )


def test_an_operation_that_hands_on_has_the_serializers_of_both():
    class Keys(KeyViewSet):
        rotate_key_request = LoginRequest

    assert "source overlap" in at(Keys, {"post": "rotate"})
    assert "Keys.key_response, which list uses" in at(Keys, {"get": "list"})
    assert "Keys.key_request, which create uses" in at(Keys, {"post": "create"})


class NoPassword(fields.Serializer):
    user_name = fields.TextField(source="identifier")


class OptionalPassword(NoPassword):
    password = fields.PasswordField(required=False)


class OtherSource(NoPassword):
    password = fields.PasswordField(source="secret")


class DefaultPassword(NoPassword):
    password = fields.PasswordField(default="")


class Computed(NoPassword):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**attrs, "password": attrs["identifier"]}


class Redundant(NoPassword):
    password = fields.PasswordField(source="password")


@pytest.mark.parametrize("request_class", [NoPassword, OptionalPassword, OtherSource])
def test_a_request_has_the_sources_that_the_operation_reads(request_class):
    said = at(Login, {"post": "login"}, login_request=request_class)
    assert said.endswith(
        f", {request_class.__name__}, must have a required field with source password."
    )


@pytest.mark.parametrize("request_class", [DefaultPassword, Computed])
def test_a_request_may_make_up_a_source(request_class):
    options = {"login_request": request_class}
    assert route_checks.own_urls(
        contract, lambda contract: route("log_in", Login, {"post": "login"}, contract, **options)
    )


def test_a_serializer_that_drf_refuses_stops_the_start():
    said = at(Login, {"post": "login"}, login_request=Redundant)
    assert "cannot be used: AssertionError: It is redundant to specify" in said


class Misspelt(fields.Serializer):
    valid_for = serializers.IntegerField(source="acces_seconds")


class Nested(fields.Serializer):
    tokens = Misspelt(source="*")


def test_a_response_has_sources_that_the_core_knows():
    for response in (Misspelt, Nested):
        said = at(Login, {"post": "login"}, login_response=response)
        assert said.endswith("has the source acces_seconds, which IssuedTokens does not have.")
    said = at(WhoAmI, {"get": "identity"}, identity_response=Misspelt)
    assert said.endswith("has the source acces_seconds, which Identity does not have.")


def test_a_response_to_a_refresh_that_rotates_has_the_new_token():
    rotating = replace(contract, may_rotate=True)
    said = at(legacy.Refresh, {"post": "refresh"}, rotating)
    assert said.endswith(
        "must have a field with source refresh, since the contract says may_rotate."
    )


def test_an_override_needs_what_its_author_says():
    class Mine(RefreshViewSet):
        def refresh(self, request: Any) -> Any:
            return None

    assert route_checks.own_urls(
        contract, lambda contract: route("refresh", Mine, {"post": "refresh"}, contract)
    )


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("<str:key>", "a"), ("a", "a/")])
def test_a_path_that_another_route_answers_stops_the_start(first, second):
    own = [
        *route(first, Login, {"post": "login"}, contract),
        *route(second, WhoAmI, {"get": "identity"}, contract),
    ]
    complaint = f"its path /auth/v2/{second} is answered by another route"
    with pytest.raises(ImproperlyConfigured, match=rf"legacy cannot: {complaint}\.$"):
        reachability.check(urls.mounted("auth/v2", own, contract))


@pytest.mark.parametrize("place", ["<int:key>", "<uuid:key>", "<slug:key>", "<path:key>", "<key>"])
def test_a_path_with_a_parameter_is_reached(place):
    own = [
        *route("all", Login, {"post": "login"}, contract),
        *route(f"keys/{place}/rotate", WhoAmI, {"get": "identity"}, contract),
    ]
    reachability.check(urls.mounted("auth/v2", own, contract))
