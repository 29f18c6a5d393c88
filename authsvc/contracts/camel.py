"""Document 001: camelCase tokens of one hour, errors under ``error``."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.urls import URLPattern
from rest_framework import serializers

from accounts import errors
from accounts.api.contract import AUTHENTICATION_REQUIRED, Contract, ErrorResponse
from accounts.api.viewsets import LoginViewSet, LogoutViewSet, RefreshViewSet
from accounts.policy import Policy
from apikeys.errors import AlreadyRotated, KeyNotFound, ScopeReserved, TooManyKeys
from apikeys.scopes import Scope
from apikeys.viewsets import KeyViewSet, LeakedKeyViewSet
from authsvc.contracts.contract_settings import Setting, from_settings
from authsvc.contracts.fields import (
    ConstantField,
    FutureTimeField,
    OutputField,
    PasswordField,
    SecondsField,
    Serializer,
    TextField,
    TimestampField,
    TokenField,
)
from authsvc.contracts.routes import route
from authsvc.environment import flag

REVEAL_UNKNOWN_USERS = Setting("REVEAL_UNKNOWN_USERS", flag, default=False)

# The document lists this response; it is given only where the operator has decided that names are
# no secret.
revealed: dict[type[BaseException], ErrorResponse] = (
    {errors.UnknownAccount: ErrorResponse(401, "User not found")}
    if REVEAL_UNKNOWN_USERS.value
    else {}
)

contract = Contract(
    policy=from_settings(
        Policy(
            name="camel",
            access=timedelta(hours=1),
            refresh=timedelta(days=30),
            accepts_refresh_from=frozenset({"bearer"}),
        )
    ),
    # bearer and form have this mount, too. shared_paths.py words the refusals of login, refresh and
    # logout there: under both names, with the phrases of bearer and camel, which must agree.
    mount="api/v1/auth",
    error_body=lambda error: {"error": error.text},
    phrases={
        errors.InvalidToken: AUTHENTICATION_REQUIRED,
        KeyNotFound: ErrorResponse(404, "API key not found"),
        ScopeReserved: ErrorResponse(403, "Scopes introspect and revoke are granted by operators"),
        TooManyKeys: ErrorResponse(409, "Too many API keys: delete one first"),
        AlreadyRotated: ErrorResponse(409, "API key was rotated before"),
        **revealed,
    },
)


@register(Tags.security, deploy=True)
def unknown_users_are_revealed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn of a deployment that says which user names exist."""
    if not REVEAL_UNKNOWN_USERS.value:
        return []
    return [
        Warning("REVEAL_UNKNOWN_USERS tells anybody which user names exist.", id="authsvc.W001")
    ]


class LoginRequest(Serializer):
    username = TextField(source="identifier")
    password = PasswordField()


class UserObject(Serializer):
    id = serializers.UUIDField(source="uuid")
    username = OutputField()
    email = OutputField()


class LoginResponse(Serializer):
    token = OutputField(source="access")
    # The document's refresh needs one, and no other response could hand it out.
    refreshToken = OutputField(source="refresh")
    expires_in = serializers.IntegerField(source="access_seconds")
    user = UserObject()


class RefreshRequest(Serializer):
    refreshToken = TokenField(source="refresh")


class RefreshResponse(Serializer):
    token = OutputField(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")


class LogoutResponse(Serializer):
    message = ConstantField("Successfully logged out")


class ScopeField(serializers.ChoiceField):
    def __init__(self) -> None:
        message = "There is no such scope."  # which does not repeat what was sent
        super().__init__(Scope.values, error_messages={"invalid_choice": message})


class KeyRequest(Serializer):
    name = TextField(required=False, default="API key", max_length=100)
    expiresAt = FutureTimeField(source="expires_at", required=False, default=None)
    scopes = serializers.ListField(
        child=ScopeField(), required=False, default=[Scope.PROFILE], allow_empty=False
    )


class CreatedKeyResponse(Serializer):
    keyId = OutputField(source="key.public_id")
    apiKey = OutputField(source="secret")
    name = OutputField(source="key.name")
    createdAt = TimestampField(source="key.created_at")


class KeyResponse(Serializer):
    keyId = OutputField(source="public_id")
    name = OutputField()
    createdAt = TimestampField(source="created_at")
    lastUsed = TimestampField(source="last_used_at", allow_null=True)


class RotateKeyRequest(Serializer):
    overlapSeconds = SecondsField(source="overlap", required=False, default=timedelta(days=1))


class LeakedKeyRequest(Serializer):
    apiKey = TextField(source="secret")


class Login(LoginViewSet):
    login_request, login_response = LoginRequest, LoginResponse


class Refresh(RefreshViewSet):
    refresh_request, refresh_response = RefreshRequest, RefreshResponse


class Logout(LogoutViewSet):
    logout_response = LogoutResponse


class Keys(KeyViewSet):
    path_names: Mapping[str, str] = {"key_id": "keyId"}
    key_request, key_response = KeyRequest, KeyResponse
    created_key_response = CreatedKeyResponse
    rotate_key_request = RotateKeyRequest


class LeakedKeys(LeakedKeyViewSet):
    leaked_key_request = LeakedKeyRequest


def urls(contract: Contract = contract, **responses: type[Serializer]) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route("logout", Logout, {"post": "logout"}, contract),
        *route("keys", Keys, {"post": "create", "get": "list"}, contract, **responses),
        *route("keys/revoke-leaked", LeakedKeys, {"post": "revoke"}, contract),
        *route("keys/<str:key_id>", Keys, {"delete": "destroy"}, contract, **responses),
        *route("keys/<str:key_id>/rotate", Keys, {"post": "rotate"}, contract, **responses),
    ]
