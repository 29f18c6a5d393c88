"""Document 003: id, access and refresh tokens at /v1, and a challenge where a new password is required."""

from datetime import timedelta

from django.conf import settings
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import errors, limits, parsing, sessions
from accounts.contract import Contract, Phrase
from accounts.viewsets import LoginViewSet, OpenViewSet, RefreshViewSet
from authsvc.contracts.fields import Out, Password, Says, Shape, Text, TokenText
from authsvc.contracts.paths import route

MOUNT = "v1"
BODIES = (*parsing.JSON[:1], *parsing.FORMS)

contract = Contract(
    name="challenge",
    access=timedelta(hours=24),
    refresh=timedelta(days=90),
    error_body=lambda phrase: {"message": phrase.text, "status": phrase.status},
    phrases={
        errors.InvalidCredentials: Phrase(401, "Incorrect username or password."),
        errors.InvalidRefreshToken: Phrase(401, "Invalid or expired refresh token."),
        errors.TooManyAttempts: Phrase(429, "Too many attempts. Please try again later."),
    },
    invalid=422,
).configured()


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


class Login(LoginViewSet):
    parser_classes = BODIES
    login_in, login_out = LoginIn, LoginOut

    def login(self, request: Request) -> Response:
        try:
            return super().login(request)
        except errors.PasswordChangeRequired as refusal:
            return self.write(ChallengeOut, {"session": sessions.challenge(refusal.user)})


class Refresh(RefreshViewSet):
    parser_classes = BODIES
    refresh_in, refresh_out = RefreshIn, RefreshOut

    def refresh(self, request: Request) -> Response:
        asked = self.read(self.refresh_in)
        limits.count("refreshes of one token", asked["refresh"], settings.CHALLENGE_REFRESH_RATE)
        return self.write(self.refresh_out, sessions.refresh(self.contract, asked["refresh"], identifier=asked["login"]))


class Revoke(OpenViewSet):
    parser_classes = BODIES

    def revoke(self, request: Request) -> Response:
        sessions.revoke(self.read(RevokeIn)["refresh"])
        return self.succeed(RevokeOut)

    def succeed(self, shape: type[Shape]) -> Response:
        """What the document shows; or, where the operator says so, the empty answer of the public server of this API."""
        return Response(status=204) if settings.CHALLENGE_EMPTY_SUCCESS else self.write(shape)


def urls(contract: Contract = contract) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("token-refresh", Refresh, {"post": "refresh"}, contract),
        *route("token-revoke", Revoke, {"post": "revoke"}, contract),
    ]
