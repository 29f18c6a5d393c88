"""Document 000: bearer pairs of one hour and thirty days, errors under ``detail``."""

from datetime import timedelta

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.request import Request

from accounts import errors, passwords
from accounts.api.contract import AUTHENTICATION_REQUIRED, Contract, ErrorResponse
from accounts.api.viewsets import LoginViewSet, LogoutViewSet, RefreshViewSet, ResetViewSet, answer
from accounts.audit import recent_refusals
from accounts.policy import Policy
from authsvc.contracts.fields import Out, Password, Says, Shape, Text, Timestamp, TokenText
from authsvc.contracts.routes import route

MOUNT = "api/v1/auth"

contract = Contract(
    policy=Policy(
        name="bearer",
        access=timedelta(hours=1),
        refresh=timedelta(days=30),
        accepts_refresh_from=frozenset({"camel"}),
    ).from_settings(),
    error_body=lambda error: {"detail": error.text},
    phrases={errors.InvalidRefreshToken: ErrorResponse(401, "Invalid refresh token")},
)


class UserOut(Shape):
    id = serializers.UUIDField(source="uuid")
    username = Out()
    email = Out()
    is_admin = serializers.BooleanField()
    created_at = Timestamp()
    last_login = Timestamp()


class LoginIn(Shape):
    username = Text(source="login")
    password = Password()


class RefreshOut(Shape):
    access_token = Out(source="access")
    token_type = Says("bearer")
    expires_in = serializers.IntegerField(source="access_seconds")


class LoginOut(Shape):
    access_token = Out(source="access")
    refresh_token = Out(source="refresh")
    token_type = Says("bearer")
    expires_in = serializers.IntegerField(source="access_seconds")
    user = UserOut()


class RefreshIn(Shape):
    refresh_token = TokenText(source="refresh")


class ForgotIn(Shape):
    email = Text(source="login", max_length=254)


class ForgotOut(Shape):
    message = Says("Password reset email sent successfully")


class ResetIn(Shape):
    token = TokenText(source="secret")
    new_password = Password(source="password")


class ResetOut(Shape):
    message = Says("Password reset successfully")


class ValidOut(Shape):
    valid = Says(True)
    expires_at = Timestamp()


class LogoutOut(Shape):
    message = Says("Successfully logged out")


class Login(LoginViewSet):
    login_in, login_out = LoginIn, LoginOut


class Refresh(RefreshViewSet):
    refresh_in, refresh_out = RefreshIn, RefreshOut


class Logout(LogoutViewSet):
    """The document asks for "proper logout functionality", and names no path: as in ``camel``."""

    logout_out = LogoutOut


class Reset(ResetViewSet):
    forgot_in, forgot_out = ForgotIn, ForgotOut
    reset_in, reset_out = ResetIn, ResetOut

    def validate(self, request: Request, token: str) -> HttpResponse:
        try:
            return self.write(ValidOut, passwords.find_reset(token))
        except errors.InvalidReset as refusal:
            error = ErrorResponse(400, "Token expired or invalid")
            recent_refusals.remember(refusal, error.status, error.text)
            return answer({"valid": False, **self.contract.error_body(error)}, 400)


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
        *route("validate-reset-token/<str:token>", Reset, {"get": "validate"}, contract),
    ]
