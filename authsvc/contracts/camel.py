"""Document 001: camelCase tokens of one hour, errors under ``error``."""

from datetime import timedelta

from django.conf import settings
from django.urls import URLPattern
from rest_framework import serializers

from accounts import errors
from accounts.api.contract import AUTHENTICATION_REQUIRED, Contract, ErrorResponse
from accounts.api.viewsets import LoginViewSet, LogoutViewSet, RefreshViewSet
from accounts.policy import Policy
from apikeys.errors import AlreadyRotated, KeyNotFound, ScopeReserved, TooManyKeys
from apikeys.scopes import Scope
from apikeys.viewsets import KeyViewSet, LeakedKeyViewSet
from authsvc.contracts.fields import (
    Moment,
    Out,
    Overlap,
    Password,
    Says,
    Shape,
    Text,
    Timestamp,
    TokenText,
)
from authsvc.contracts.routes import route

MOUNT = "api/v1/auth"

# The document lists this answer; it is given only where the operator has decided that names are no secret.
revealed: dict[type[BaseException], ErrorResponse] = (
    {errors.UnknownAccount: ErrorResponse(401, "User not found")}
    if settings.REVEAL_UNKNOWN_USERS
    else {}
)

contract = Contract(
    policy=Policy(
        name="camel",
        access=timedelta(hours=1),
        refresh=timedelta(days=30),
        accepts_refresh_from=frozenset({"bearer"}),
    ).from_settings(),
    error_body=lambda error: {"error": error.text},
    phrases={
        errors.InvalidToken: AUTHENTICATION_REQUIRED,
        KeyNotFound: ErrorResponse(404, "API key not found"),
        ScopeReserved: ErrorResponse(403, "The scope introspect is granted by an operator"),
        TooManyKeys: ErrorResponse(409, "Too many API keys: delete one first"),
        AlreadyRotated: ErrorResponse(409, "API key was rotated before"),
        **revealed,
    },
)


class LoginIn(Shape):
    username = Text(source="login")
    password = Password()


class UserOut(Shape):
    id = serializers.UUIDField(source="uuid")
    username = Out()
    email = Out()


class LoginOut(Shape):
    token = Out(source="access")
    refreshToken = Out(
        source="refresh"
    )  # the document's refresh needs one, and no other answer could hand it out
    expires_in = serializers.IntegerField(source="access_seconds")
    user = UserOut()


class RefreshIn(Shape):
    refreshToken = TokenText(source="refresh")


class RefreshOut(Shape):
    token = Out(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")


class LogoutOut(Shape):
    message = Says("Successfully logged out")


class ScopeName(serializers.ChoiceField):
    def __init__(self) -> None:
        super().__init__(
            Scope.values, error_messages={"invalid_choice": "There is no such scope."}
        )  # without repeating what was sent


class KeyIn(Shape):
    name = Text(required=False, default="API key", max_length=100)
    expiresAt = Moment(source="expires_at", required=False, default=None)
    scopes = serializers.ListField(
        child=ScopeName(), required=False, default=[Scope.PROFILE], allow_empty=False
    )


class CreatedOut(Shape):
    keyId = Out(source="key.public_id")
    apiKey = Out(source="secret")
    name = Out(source="key.name")
    createdAt = Timestamp(source="key.created_at")


class KeyOut(Shape):
    keyId = Out(source="public_id")
    name = Out()
    createdAt = Timestamp(source="created_at")
    lastUsed = Timestamp(source="last_used_at")


class RotateIn(Shape):
    overlapSeconds = Overlap(source="overlap", required=False, default=timedelta(days=1))


class LeakedIn(Shape):
    apiKey = Text(source="secret")


class Login(LoginViewSet):
    login_in, login_out = LoginIn, LoginOut


class Refresh(RefreshViewSet):
    refresh_in, refresh_out = RefreshIn, RefreshOut


class Logout(LogoutViewSet):
    logout_out = LogoutOut


class Keys(KeyViewSet):
    key_in, key_out, created_out, rotate_in = KeyIn, KeyOut, CreatedOut, RotateIn


class LeakedKeys(LeakedKeyViewSet):
    leaked_in = LeakedIn


def urls(contract: Contract = contract, **shapes: type[Shape]) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route("logout", Logout, {"post": "logout"}, contract),
        *route("keys", Keys, {"post": "create", "get": "list"}, contract, **shapes),
        *route("keys/revoke-leaked", LeakedKeys, {"post": "revoke"}, contract),
        *route("keys/<str:key_id>", Keys, {"delete": "destroy"}, contract, **shapes),
        *route("keys/<str:key_id>/rotate", Keys, {"post": "rotate"}, contract, **shapes),
    ]
