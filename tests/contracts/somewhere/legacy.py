"""A small API of our own, which our old clients speak: JSON in snake_case at /auth/v2."""

from datetime import timedelta

from django.urls import URLPattern
from rest_framework import serializers

from accounts import errors
from accounts.api import parsers
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.viewsets import IdentityViewSet, LoginViewSet, LogoutViewSet, RefreshViewSet
from accounts.policy import Policy
from authsvc.contracts import fields
from authsvc.contracts.contract_settings import from_settings
from authsvc.contracts.routes import route

contract = Contract(
    policy=from_settings(
        Policy(name="legacy", access=timedelta(minutes=30), refresh=timedelta(days=14))
    ),
    mount="auth/v2",
    error_body=lambda error: {"fault": {"code": error.status, "reason": error.text}},
    phrases={errors.InvalidCredentials: ErrorResponse(401, "Wrong user name or password")},
)


class LoginRequest(fields.Serializer):
    user_name = fields.TextField(source="identifier")
    pass_word = fields.PasswordField(source="password")


class RefreshResponse(fields.Serializer):
    access_token = fields.OutputField(source="access")
    valid_for = serializers.IntegerField(source="access_seconds")


class LoginResponse(RefreshResponse):
    refresh_token = fields.OutputField(source="refresh")


class RefreshRequest(fields.Serializer):
    refresh_token = fields.TokenField(source="refresh")


class LogoutResponse(fields.Serializer):
    done = fields.ConstantField(True)


class WhoAmIResponse(fields.Serializer):
    user_name = fields.OutputField(source="username")
    mail_address = fields.OutputField(source="email")


class Login(LoginViewSet):
    parser_classes = parsers.JSON_AND_FORMS
    login_request, login_response = LoginRequest, LoginResponse


class Refresh(RefreshViewSet):
    refresh_request, refresh_response = RefreshRequest, RefreshResponse


class Logout(LogoutViewSet):
    logout_response = LogoutResponse


class WhoAmI(IdentityViewSet):
    identity_response = WhoAmIResponse


def urls(contract: Contract = contract) -> list[URLPattern]:
    return [
        *route("log_in", Login, {"post": "login"}, contract),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route("log_out", Logout, {"delete": "logout"}, contract),
        *route("who_am_i", WhoAmI, {"get": "identity"}, contract),
    ]
