"""/api/v1/auth, which three documents claim: each request says itself which of them it is for.

The content type says it of a login, the key in the body of a refresh, and the token of a logout.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpResponse
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts import errors
from accounts.api import parsers
from accounts.api.authentication import ExpiredTokenAuthentication
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.operations import uses
from accounts.api.viewsets import ContractViewSet, OpenViewSet
from authsvc.contracts import bearer, camel, form
from authsvc.contracts.fields import OutputField, TimestampField
from authsvc.contracts.routes import route

JOINED = (bearer.contract, camel.contract, form.contract)
MOUNT = bearer.contract.mount


def shared(contract: Contract) -> Contract:
    """Return ``contract`` with the error bodies of all, for a client that reads any of them."""

    def error_body(error: ErrorResponse) -> dict[str, Any]:
        bodies = (each.error_body(error) for each in JOINED)
        return {key: value for body in bodies for key, value in body.items()}

    return contract.with_error_body(error_body)


def jointly(first: Contract, second: Contract) -> Contract:
    """Return ``first`` with the phrases of both, for responses that serve both.

    Different phrases for one refusal stop the start.
    """
    alone = {errors.InvalidRefreshToken}  # a refresh says which contract it is for
    for refusal in first.phrases.keys() & second.phrases.keys() - alone:
        if first.phrases[refusal] != second.phrases[refusal]:
            raise ImproperlyConfigured(
                f"{first.name} and {second.name} share a login, and must put {refusal.__name__} "
                "in the same words"
            )
    return first.with_phrases(second.phrases)


class KeyResponse(camel.KeyResponse):
    expiresAt = TimestampField(source="expires_at", allow_null=True)
    scopes = serializers.ListField(child=OutputField())


class CreatedKeyResponse(camel.CreatedKeyResponse):
    expiresAt = TimestampField(source="key.expires_at", allow_null=True)
    scopes = serializers.ListField(child=OutputField(), source="key.scopes")


both = jointly(bearer.contract, camel.contract)
everyone = shared(both)  # before it is known which contract a request is for


# bearer's user has all that camel's has
class LoginResponse(bearer.LoginResponse, camel.LoginResponse):  # type: ignore[misc]
    """A login as both JSON documents promise it."""


class MeResponse(form.MeResponse):
    uuid = serializers.UUIDField()


class Choice(NamedTuple):
    """A contract's viewset that answers some of the requests of a shared path."""

    viewset: type[ContractViewSet]
    contract: Contract
    options: dict[str, Any] = {}

    def view(self) -> ContractViewSet:
        return self.viewset(contract=shared(self.contract), **self.options)


class Fork(ContractViewSet, ABC):
    """Base of a path of several contracts: reads the request, and hands it to its contract."""

    enabled: frozenset[str] = frozenset()

    def contracts(self) -> list[str]:
        """Return the names of the contracts that are served here."""
        return [each.name for each in JOINED if each.name in self.enabled]

    def choices(self) -> list[Choice]:
        """Return what the path answers as, of the contracts that are served."""
        return [choice for choice in self.possible() if self.is_enabled(choice)]

    @abstractmethod
    def possible(self) -> list[Choice]:
        """Return what the path may answer as, served or not."""

    def is_enabled(self, choice: Choice) -> bool:
        return choice.contract.name in self.enabled

    def choose(self, choice: Choice) -> HttpResponse:
        if not self.is_enabled(choice):
            raise Http404
        return self.hand_over(choice.view())


class Login(OpenViewSet, Fork):
    parser_classes = parsers.JSON_AND_FORMS
    form = Choice(form.Login, form.contract)

    @uses(refuses=(Http404,))
    def login(self, request: Request) -> HttpResponse:
        """Hand a form to ``form``; one response serves both others, whose requests are the same."""
        return self.choose(self.form if parsers.is_form(request) else self.json())

    def json(self) -> Choice:
        if {"bearer", "camel"} <= self.enabled:
            return Choice(bearer.Login, both, {"login_response": LoginResponse})
        if "camel" in self.enabled:
            return Choice(camel.Login, camel.contract)
        return Choice(bearer.Login, bearer.contract)

    def possible(self) -> list[Choice]:
        return [self.json(), self.form]


class Refresh(OpenViewSet, Fork):
    by_key: ClassVar = {
        "refresh_token": Choice(bearer.Refresh, bearer.contract),
        "refreshToken": Choice(camel.Refresh, camel.contract),
        "token": Choice(form.Refresh, form.contract),
    }

    @uses(refuses=(Http404,))
    def refresh(self, request: Request) -> HttpResponse:
        """Hand the request to the contract of the key in it.

        Two keys are one request only if their values are equal; null and empty ones do not count.
        """
        asked = request.data if isinstance(request.data, dict) else {}
        given = [key for key in self.by_key if asked.get(key) not in (None, "")]
        if not given or any(asked[key] != asked[given[0]] for key in given):
            raise ValidationError("One of refresh_token, refreshToken and token is required.")
        return self.choose(self.by_key[given[0]])

    def possible(self) -> list[Choice]:
        return list(self.by_key.values())


class Logout(Fork):
    authentication_classes = (ExpiredTokenAuthentication,)
    form = Choice(form.Logout, form.contract)
    others = (Choice(camel.Logout, camel.contract), Choice(bearer.Logout, bearer.contract))

    @uses()
    def logout(self, request: Request) -> HttpResponse:
        """Hand a session of ``form`` to ``form``, and all others to ``camel``.

        A contract that is not served leaves its sessions to the next.
        """
        if self.caller.contract == form.contract.name and self.is_enabled(self.form):
            return self.choose(self.form)
        return self.choose(self.possible()[0])

    def possible(self) -> list[Choice]:
        return [*[each for each in self.others if self.is_enabled(each)][:1], self.form]


def urls(enabled: frozenset[str]) -> list[URLPattern]:
    """Return the paths that are shared, then those of one contract each."""
    own = bearer.urls() if "bearer" in enabled else []
    if "camel" in enabled:
        own += camel.urls(key_response=KeyResponse, created_key_response=CreatedKeyResponse)
    if "form" in enabled:
        own += form.urls(me_response=MeResponse)
    forks = []
    if enabled & {"bearer", "camel", "form"}:
        forks += route("login", Login, {"post": "login"}, everyone, enabled=enabled)
        forks += route("refresh", Refresh, {"post": "refresh"}, everyone, enabled=enabled)
        forks += route("logout", Logout, {"post": "logout"}, everyone, enabled=enabled)
    return forks + own
