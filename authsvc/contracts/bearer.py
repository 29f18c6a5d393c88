"""Document 000: bearer tokens of an hour and thirty days, errors under ``detail``."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.request import Request

from accounts import errors, password_reset
from accounts.api.contract import AUTHENTICATION_REQUIRED, Contract, ErrorResponse
from accounts.api.operations import uses
from accounts.api.viewsets import LoginViewSet, LogoutViewSet, RefreshViewSet, ResetViewSet
from accounts.models import PasswordReset
from accounts.policy import Policy
from authsvc.contracts.contract_settings import from_settings
from authsvc.contracts.fields import (
    ConstantField,
    OutputField,
    PasswordField,
    Serializer,
    TextField,
    TimestampField,
    TokenField,
)
from authsvc.contracts.routes import route

contract = Contract(
    policy=from_settings(
        Policy(
            name="bearer",
            access=timedelta(hours=1),
            refresh=timedelta(days=30),
            accepts_refresh_from=frozenset({"camel"}),
        )
    ),
    mount="api/v1/auth",
    error_body=lambda error: {"detail": error.text},
    phrases={errors.InvalidRefreshToken: ErrorResponse(401, "Invalid refresh token")},
)


class UserObject(Serializer):
    id = serializers.UUIDField(source="uuid")
    username = OutputField()
    email = OutputField()
    is_admin = serializers.BooleanField()
    created_at = TimestampField()
    last_login = TimestampField()


class LoginRequest(Serializer):
    username = TextField(source="identifier")
    password = PasswordField()


class RefreshResponse(Serializer):
    access_token = OutputField(source="access")
    token_type = ConstantField("bearer")
    expires_in = serializers.IntegerField(source="access_seconds")


class LoginResponse(Serializer):
    access_token = OutputField(source="access")
    refresh_token = OutputField(source="refresh")
    token_type = ConstantField("bearer")
    expires_in = serializers.IntegerField(source="access_seconds")
    user = UserObject()


class RefreshRequest(Serializer):
    refresh_token = TokenField(source="refresh")


class ForgotRequest(Serializer):
    email = TextField(source="identifier", max_length=254)


class ForgotResponse(Serializer):
    message = ConstantField("Password reset email sent successfully")


class ResetRequest(Serializer):
    token = TokenField(source="secret")
    new_password = PasswordField(source="password")


class ResetResponse(Serializer):
    message = ConstantField("Password reset successfully")


class ValidTokenResponse(Serializer):
    valid = ConstantField(True)
    expires_at = TimestampField()


class LogoutResponse(Serializer):
    message = ConstantField("Successfully logged out")


class Login(LoginViewSet):
    login_request, login_response = LoginRequest, LoginResponse


class Refresh(RefreshViewSet):
    refresh_request, refresh_response = RefreshRequest, RefreshResponse


class Logout(LogoutViewSet):
    """Logout as in ``camel``; the document asks for "proper logout" without a path."""

    logout_response = LogoutResponse


class Reset(ResetViewSet):
    forgot_request, forgot_response = ForgotRequest, ForgotResponse
    reset_request, reset_response = ResetRequest, ResetResponse
    valid_token_response = ValidTokenResponse

    @uses(
        refuses=(errors.InvalidReset,),
        summary="Ask whether a reset token is still good; this uses nothing up",
        valid_token_response=PasswordReset,
    )
    def validate(self, request: Request, token: str) -> HttpResponse:
        return self.write(self.valid_token_response, password_reset.find(token))


def validity(contract: Contract) -> Contract:
    """Return ``contract`` with ``valid`` in the body of a token's refusal, the only 400 there."""

    def error_body(error: ErrorResponse) -> dict[str, Any]:
        body = contract.error_body(error)
        return {"valid": False, **body} if error.status == 400 else body

    expired = ErrorResponse(400, "Token expired or invalid")
    return contract.with_phrases({errors.InvalidReset: expired}).with_error_body(error_body)


def urls(contract: Contract = contract) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route(
            "logout",
            Logout,
            {"post": "logout"},
            contract.with_phrases({errors.InvalidToken: AUTHENTICATION_REQUIRED}),
        ),
        *route("forgot-password", Reset, {"post": "forgot"}, contract),
        *route("reset-password", Reset, {"post": "reset"}, contract),
        *route("validate-reset-token/<str:token>", Reset, {"get": "validate"}, validity(contract)),
    ]
