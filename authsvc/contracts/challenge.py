"""Document 003: id, access and refresh tokens at /v1.

A user who must change the password gets a challenge in place of tokens.
"""

from datetime import timedelta

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.request import Request

from accounts import (
    challenges,
    errors,
    identities,
    password_reset,
    passwords,
    rate_limits,
    refresh,
    sessions,
)
from accounts.api import parsers
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.viewsets import (
    LoginViewSet,
    OpenViewSet,
    RefreshViewSet,
    ResetViewSet,
    SerializerClass,
    json_response,
)
from accounts.audit.reasons import Reason
from accounts.policy import Policy
from authsvc.contracts.contract_settings import Setting, from_settings
from authsvc.contracts.fields import (
    ConstantField,
    OutputField,
    PasswordField,
    Serializer,
    TextField,
    TokenField,
)
from authsvc.contracts.routes import route
from authsvc.environment import flag, rate

EMPTY_SUCCESS = Setting("CHALLENGE_EMPTY_SUCCESS", flag, default=False)
REFRESH_RATE = Setting("CHALLENGE_REFRESH_RATE", rate, default="90/24h")

contract = Contract(
    policy=from_settings(
        Policy(
            name="challenge",
            access=timedelta(hours=24),
            refresh=timedelta(days=90),
        )
    ),
    mount="v1",
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


class LoginRequest(Serializer):
    username = TextField(source="identifier")
    password = PasswordField()


class RefreshResponse(Serializer):
    id_token = OutputField(source="identity")
    access_token = OutputField(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")


class LoginResponse(RefreshResponse):
    refresh_token = OutputField(source="refresh")


class ChallengeResponse(Serializer):
    challenge_name = ConstantField("NEW_PASSWORD_REQUIRED")
    session = OutputField()


class RefreshRequest(Serializer):
    username = TextField(source="identifier")
    refresh_token = TokenField(source="refresh")


class RevokeRequest(Serializer):
    refresh_token = TokenField(source="refresh")


class RevokeResponse(Serializer):
    message = ConstantField("Token revoked.")
    status = ConstantField(200)


class ForgotRequest(Serializer):
    username = TextField(source="identifier")


class ForgotResponse(Serializer):
    message = ConstantField("Confirmation code sent.")
    status = ConstantField(200)


class ConfirmRequest(Serializer):
    username = TextField(source="identifier")
    password = PasswordField()
    confirmation_code = TextField(source="code")


class ChangeRequest(Serializer):
    access_token = TokenField(source="access")
    previous_password = PasswordField(source="previous")
    proposed_password = PasswordField(source="proposed")


class ChangedResponse(Serializer):
    message = ConstantField("Password changed.")
    status = ConstantField(200)


class AnswerRequest(Serializer):
    session = TokenField(source="challenge")
    username = TextField(source="identifier")
    new_password = PasswordField(source="password")


class Login(LoginViewSet):
    parser_classes = parsers.JSON_AND_FORMS
    login_request, login_response = LoginRequest, LoginResponse

    def challenged(self, refusal: errors.PasswordChangeRequired) -> HttpResponse:
        return self.write(ChallengeResponse, {"session": challenges.issue(refusal.user)})

    def answer(self, request: Request) -> HttpResponse:
        validated = self.read(AnswerRequest)
        with rate_limits.login_attempt(validated["identifier"]) as attempt:
            issued = challenges.answer(
                self.contract.policy,
                validated["challenge"],
                validated["identifier"],
                validated["password"],
                attempt,
            )
        return self.logged_in(issued)


class Refresh(RefreshViewSet):
    parser_classes = parsers.JSON_AND_FORMS
    refresh_request, refresh_response = RefreshRequest, RefreshResponse

    def refresh(self, request: Request) -> HttpResponse:
        validated = self.read(self.refresh_request)
        rate_limits.count(
            Reason.REFRESHES_OF_TOKEN,
            refresh.token_id(validated["refresh"]),
            REFRESH_RATE.value,
        )
        return self.write(
            self.refresh_response,
            refresh.refresh_session(
                self.contract.policy, validated["refresh"], identifier=validated["identifier"]
            ),
        )


class SucceedingViewSet(OpenViewSet):
    parser_classes = parsers.JSON_AND_FORMS

    def succeed(self, serializer: SerializerClass) -> HttpResponse:
        """Answer as the document shows, or 204 without a body where the operator has set it.

        The public server of this API answers 204, and its client libraries take both.
        """
        return json_response(None, 204) if EMPTY_SUCCESS.value else super().succeed(serializer)


class Revoke(SucceedingViewSet):
    def revoke(self, request: Request) -> HttpResponse:
        sessions.revoke(self.read(RevokeRequest)["refresh"])
        return self.succeed(RevokeResponse)


class Forgotten(SucceedingViewSet, ResetViewSet):
    forgot_request, forgot_response = ForgotRequest, ForgotResponse

    def confirm(self, request: Request) -> HttpResponse:
        validated = self.read(ConfirmRequest)
        with rate_limits.login_attempt(validated["identifier"]):
            password_reset.use_code(
                validated["identifier"], validated["code"], validated["password"]
            )
        return self.succeed(ChangedResponse)


class Change(SucceedingViewSet):
    def change(self, request: Request) -> HttpResponse:
        validated = self.read(ChangeRequest)
        identity = identities.identify(validated["access"])
        passwords.change(
            identity.id, validated["previous"], validated["proposed"], keep=identity.session_id
        )
        return self.succeed(ChangedResponse)


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
