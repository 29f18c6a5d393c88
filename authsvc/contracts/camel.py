"""Document 001: camelCase tokens of one hour, errors under ``error``."""

from datetime import timedelta

from django.conf import settings
from django.urls import URLPattern
from rest_framework import serializers

from accounts import errors
from accounts.contract import Contract, Phrase
from accounts.viewsets import LoginViewSet, LogoutViewSet, RefreshViewSet
from authsvc.contracts.fields import Out, Password, Says, Shape, Text, TokenText
from authsvc.contracts.paths import route

MOUNT = "api/v1/auth"

# The document lists this answer; it is given only where the operator has decided that names are no secret.
revealed: dict[type[BaseException], Phrase] = (
    {errors.UnknownAccount: Phrase(401, "User not found")} if settings.REVEAL_UNKNOWN_USERS else {}
)

contract = Contract(
    name="camel",
    access=timedelta(hours=1),
    refresh=timedelta(days=30),
    also_refreshes=frozenset({"bearer"}),
    error_body=lambda phrase: {"error": phrase.text},
    phrases={errors.InvalidToken: Phrase(401, "Authentication required"), **revealed},
).configured()


class LoginIn(Shape):
    username = Text(source="login")
    password = Password()


class UserOut(Shape):
    id = serializers.UUIDField(source="uuid")
    username = Out()
    email = Out()


class LoginOut(Shape):
    token = Out(source="access")
    refreshToken = Out(source="refresh")  # the document's refresh needs one, and no other answer could hand it out
    expires_in = serializers.IntegerField(source="access_seconds")
    user = UserOut()


class RefreshIn(Shape):
    refreshToken = TokenText(source="refresh")


class RefreshOut(Shape):
    token = Out(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")


class LogoutOut(Shape):
    message = Says("Successfully logged out")


class Login(LoginViewSet):
    login_in, login_out = LoginIn, LoginOut


class Refresh(RefreshViewSet):
    refresh_in, refresh_out = RefreshIn, RefreshOut


class Logout(LogoutViewSet):
    logout_out = LogoutOut


def urls(contract: Contract = contract) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route("logout", Logout, {"post": "logout"}, contract),
    ]
