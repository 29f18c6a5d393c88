"""Document 003: id, access and refresh tokens at /v1, and a challenge where a new password is required."""

from datetime import timedelta

from django.conf import settings
from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.request import Request

from accounts import errors, passwords, rate_limits, sessions
from accounts.api import parsers
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.viewsets import (
    LoginViewSet,
    OpenViewSet,
    RefreshViewSet,
    ResetViewSet,
    ShapeClass,
    answer,
)
from accounts.audit.reasons import Reason
from accounts.policy import Policy
from authsvc.contracts.fields import Out, Password, Says, Shape, Text, TokenText
from authsvc.contracts.routes import route

MOUNT = "v1"
BODIES = (*parsers.JSON[:1], *parsers.FORMS)

contract = Contract(
    policy=Policy(
        name="challenge",
        access=timedelta(hours=24),
        refresh=timedelta(days=90),
    ).from_settings(),
    error_body=lambda error: {"message": error.text, "status": error.status},
    phrases={
        errors.InvalidCredentials: ErrorResponse(401, "Incorrect username or password."),
        errors.InvalidCode: ErrorResponse(401, "Invalid or expired confirmation code."),
        errors.InvalidChallenge: ErrorResponse(401, "Invalid or expired session."),
        errors.InvalidToken: ErrorResponse(401, "Incorrect username or password."),
        errors.InvalidRefreshToken: ErrorResponse(401, "Invalid or expired refresh token."),
        errors.TooManyAttempts: ErrorResponse(429, "Too many attempts. Please try again later."),
    },
    invalid=422,
)


class LoginIn(Shape):
    username = Text(source="login")
    password = Password()


class RefreshOut(Shape):
    id_token = Out(source="identity")
    access_token = Out(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")


class LoginOut(RefreshOut):
    refresh_token = Out(source="refresh")


class ChallengeOut(Shape):
    challenge_name = Says("NEW_PASSWORD_REQUIRED")
    session = Out()


class RefreshIn(Shape):
    username = Text(source="login")
    refresh_token = TokenText(source="refresh")


class RevokeIn(Shape):
    refresh_token = TokenText(source="refresh")


class RevokeOut(Shape):
    message = Says("Token revoked.")
    status = Says(200)


class ForgotIn(Shape):
    username = Text(source="login")


class ForgotOut(Shape):
    message = Says("Confirmation code sent.")
    status = Says(200)


class ConfirmIn(Shape):
    username = Text(source="login")
    password = Password()
    confirmation_code = Text(source="code")


class ChangeIn(Shape):
    access_token = TokenText(source="access")
    previous_password = Password(source="previous")
    proposed_password = Password(source="proposed")


class ChangedOut(Shape):
    message = Says("Password changed.")
    status = Says(200)


class AnswerIn(Shape):
    session = TokenText(source="challenge")
    username = Text(source="login")
    new_password = Password(source="password")


class Login(LoginViewSet):
    parser_classes = BODIES
    login_in, login_out = LoginIn, LoginOut

    def challenged(self, refusal: errors.PasswordChangeRequired) -> HttpResponse:
        return self.write(ChallengeOut, {"session": sessions.challenge(refusal.user)})

    def answer(self, request: Request) -> HttpResponse:
        asked = self.read(AnswerIn)
        with rate_limits.login_attempt(asked["login"]) as attempt:
            grant = sessions.answer_challenge(
                self.contract.policy, asked["challenge"], asked["login"], asked["password"], attempt
            )
        return self.granted(grant)


class Refresh(RefreshViewSet):
    parser_classes = BODIES
    refresh_in, refresh_out = RefreshIn, RefreshOut

    def refresh(self, request: Request) -> HttpResponse:
        asked = self.read(self.refresh_in)
        rate_limits.count(
            Reason.REFRESHES_OF_TOKEN,
            sessions.refresh_token_id(asked["refresh"]),
            settings.CHALLENGE_REFRESH_RATE,
        )
        return self.write(
            self.refresh_out,
            sessions.refresh(self.contract.policy, asked["refresh"], identifier=asked["login"]),
        )


class SucceedingViewSet(OpenViewSet):
    parser_classes = BODIES

    def succeed(self, shape: ShapeClass) -> HttpResponse:
        """What the document shows; or, where the operator says so, the empty answer of the public server of this API."""
        return answer(None, 204) if settings.CHALLENGE_EMPTY_SUCCESS else super().succeed(shape)


class Revoke(SucceedingViewSet):
    def revoke(self, request: Request) -> HttpResponse:
        sessions.revoke(self.read(RevokeIn)["refresh"])
        return self.succeed(RevokeOut)


class Forgotten(SucceedingViewSet, ResetViewSet):
    forgot_in, forgot_out = ForgotIn, ForgotOut

    def confirm(self, request: Request) -> HttpResponse:
        asked = self.read(ConfirmIn)
        with rate_limits.login_attempt(asked["login"]):
            passwords.reset_by_code(asked["login"], asked["code"], asked["password"])
        return self.succeed(ChangedOut)


class Change(SucceedingViewSet):
    def change(self, request: Request) -> HttpResponse:
        asked = self.read(ChangeIn)
        identity = sessions.identify(asked["access"])
        with rate_limits.login_attempt(identity.username):
            passwords.change(
                identity.id, asked["previous"], asked["proposed"], keep=identity.session_id
            )
        return self.succeed(ChangedOut)


def urls(contract: Contract = contract) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("token-refresh", Refresh, {"post": "refresh"}, contract),
        *route("token-revoke", Revoke, {"post": "revoke"}, contract),
        *route("forgot-password", Forgotten, {"post": "forgot"}, contract),
        *route("forgot-password-confirm", Forgotten, {"post": "confirm"}, contract),
        *route("change-password", Change, {"post": "change"}, contract),
        *route("new-password-required", Login, {"post": "answer"}, contract),
    ]
