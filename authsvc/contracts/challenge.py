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
from accounts.api.operations import uses
from accounts.api.viewsets import (
    WRONG_PASSWORD,
    LoginViewSet,
    OpenViewSet,
    RefreshViewSet,
    ResetViewSet,
)
from accounts.audit.reasons import Reason
from accounts.issued_tokens import IssuedTokens
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
    challenge_response = ChallengeResponse
    answer_request = AnswerRequest

    @uses(challenge_response=None)
    def challenged(self, refusal: errors.PasswordChangeRequired) -> HttpResponse:
        return self.write(self.challenge_response, {"session": challenges.issue(refusal.user)})

    @uses(
        "logged_in",
        refuses=(*WRONG_PASSWORD, errors.InvalidChallenge, errors.WeakPassword),
        summary="Replace a temporary password, and log in",
        answer_request={"challenge", "identifier", "password"},
    )
    def answer(self, request: Request) -> HttpResponse:
        validated = self.read(self.answer_request)
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

    @uses(
        refuses=(errors.InvalidRefreshToken, errors.TooManyAttempts),
        summary="Get a new access token for a refresh token",
        refresh_request={"identifier", "refresh"},
        refresh_response=IssuedTokens,
    )
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
    """Answers success as the document shows, or 204 without a body where the operator has set it.

    The public server of this API answers 204, and its client libraries take both.
    """

    parser_classes = parsers.JSON_AND_FORMS

    @property
    def empty_success(self) -> bool:  # type: ignore[override]
        return bool(EMPTY_SUCCESS.value)


class Revoke(SucceedingViewSet):
    revoke_request, revoke_response = RevokeRequest, RevokeResponse

    @uses(
        "succeed",
        refuses=(errors.InvalidRefreshToken,),
        summary="End the session of a refresh token",
        revoke_request={"refresh"},
        revoke_response=None,
    )
    def revoke(self, request: Request) -> HttpResponse:
        sessions.revoke(self.read(self.revoke_request)["refresh"])
        return self.succeed(self.revoke_response)


class Forgotten(SucceedingViewSet, ResetViewSet):
    forgot_request, forgot_response = ForgotRequest, ForgotResponse
    confirm_request, confirm_response = ConfirmRequest, ChangedResponse

    @uses(
        "succeed",
        refuses=(*WRONG_PASSWORD, errors.InvalidCode, errors.WeakPassword),
        summary="Set a new password with the code of a mail",
        confirm_request={"identifier", "code", "password"},
        confirm_response=None,
    )
    def confirm(self, request: Request) -> HttpResponse:
        validated = self.read(self.confirm_request)
        with rate_limits.login_attempt(validated["identifier"]):
            password_reset.use_code(
                validated["identifier"], validated["code"], validated["password"]
            )
        return self.succeed(self.confirm_response)


class Change(SucceedingViewSet):
    change_request, change_response = ChangeRequest, ChangedResponse

    @uses(
        "succeed",
        refuses=(*WRONG_PASSWORD, errors.InvalidToken, errors.WeakPassword),
        summary="Change the password of the user of an access token",
        change_request={"access", "previous", "proposed"},
        change_response=None,
    )
    def change(self, request: Request) -> HttpResponse:
        validated = self.read(self.change_request)
        identity = identities.identify(validated["access"])
        passwords.change(
            identity.id, validated["previous"], validated["proposed"], keep=identity.session_id
        )
        return self.succeed(self.change_response)


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
