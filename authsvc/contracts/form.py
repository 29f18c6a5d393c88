"""Document 002: form logins, week-long nested tokens, refresh tokens that rotate, an HTTP-only cookie."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts import errors, sessions
from accounts.api import parsers
from accounts.api.authentication import SessionTokenAuthentication, bearer_token
from accounts.api.contract import AUTHENTICATION_REQUIRED, Contract, ErrorResponse
from accounts.api.viewsets import (
    IdentityViewSet,
    LoginViewSet,
    LogoutViewSet,
    RefreshViewSet,
    ResetViewSet,
)
from accounts.policy import Policy
from apikeys.authentication import KeyAuthentication
from authsvc.contracts.fields import Out, Password, Says, Shape, Text, TokenText
from authsvc.contracts.routes import route

MOUNT = "api/v1/auth"
COOKIE = "refresh_token"

contract = Contract(
    policy=Policy(
        name="form",
        access=timedelta(days=7),
        refresh=timedelta(days=365),
        rotates=True,
        session_maximum=timedelta(days=3 * 365),
    ).from_settings(),
    error_body=lambda error: {"detail": error.text},
)


def oauth_error(error: ErrorResponse) -> dict[str, Any]:
    """RFC 6749, 5.2; the codes that it does not list are those of 4.1.2.1."""
    code = {
        503: "temporarily_unavailable",
        429: "temporarily_unavailable",
        500: "server_error",
    }.get(error.status, "invalid_request")
    return {"error": error.code or code, "error_description": error.text}


# The answer of /token has no place for a refresh token, so none is made: its session lasts as long as the access token.
oauth = replace(
    contract,
    policy=replace(contract.policy, refresh=None),
    error_body=oauth_error,
    phrases={
        errors.InvalidCredentials: ErrorResponse(400, "Invalid credentials", "invalid_grant"),
        errors.PasswordChangeRequired: ErrorResponse(
            403, "Password change required", "invalid_grant"
        ),
        errors.UnsupportedGrantType: ErrorResponse(
            400, "Only the password grant is supported", "unsupported_grant_type"
        ),
    },
)


class LoginIn(Shape):
    username = Text(source="login")
    password = Password()


class AccessOut(Shape):
    token = Out(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")
    token_type = Says("bearer")


class RefreshTokenOut(Shape):
    token = Out(source="refresh")
    expires_in = serializers.IntegerField(source="refresh_seconds")
    token_type = Says("bearer")


class PairOut(Shape):
    username = Out()
    access_token = AccessOut(source="*")
    refresh_token = RefreshTokenOut(source="*")


class TokenIn(LoginIn):
    grant_type = Text(required=False)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """The grant first: of another one, the missing user name is not what is wrong."""
        if isinstance(data, dict) and data.get("grant_type") not in (None, "", "password"):
            raise errors.UnsupportedGrantType
        return super().run_validation(data)


class TokenOut(Shape):
    access_token = Out(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")
    token_type = Says("bearer")


class RefreshIn(Shape):
    token = TokenText(source="refresh")


class MeOut(Shape):
    id = serializers.IntegerField()
    username = Out()
    email = Out()
    name = Out()
    is_superuser = serializers.BooleanField()
    is_active = serializers.BooleanField()


class RecoveryIn(Shape):
    email = Text(source="login", max_length=254)


class RecoveryOut(Shape):
    message = Says("Password recovery email sent.")


class LogoutOut(Shape):
    message = Says("Logged out successfully.")


def keep(request: Request, response: HttpResponse, grant: sessions.Grant) -> HttpResponse:
    """Leave the refresh token in the cookie that logout reads."""
    return with_cookie(request, response, grant.refresh, grant.refresh_seconds)


def with_cookie(request: Request, response: HttpResponse, value: str, seconds: int) -> HttpResponse:
    """Its path is the mount through which the request came, with or without a prefix: browsers send it back to no other."""
    path = f"{request.path.partition(f'/{MOUNT}/')[0]}/{MOUNT}"
    response.set_cookie(
        COOKIE,
        value,
        max_age=seconds,
        path=path,
        httponly=True,
        secure=settings.SECURE_COOKIES,
        samesite="Lax",
    )
    return response


class Login(LoginViewSet):
    parser_classes = parsers.FORMS
    login_in, login_out = LoginIn, PairOut

    def granted(self, grant: sessions.Grant) -> HttpResponse:
        return keep(self.request, super().granted(grant), grant)


class Token(LoginViewSet):
    """The password grant of OAuth 2.0 (RFC 6749, 4.3), for Swagger UI's Authorize button."""

    parser_classes = parsers.FORMS
    login_in, login_out = TokenIn, TokenOut


class Refresh(RefreshViewSet):
    refresh_in, refresh_out = RefreshIn, PairOut

    def refresh(self, request: Request) -> HttpResponse:
        """ "Requires authentication": a live access token of the user, or one of the session, even expired: then one refreshes."""
        holder = bearer_token(request)
        if holder is None:
            raise exceptions.NotAuthenticated
        asked = self.read(self.refresh_in)
        grant = sessions.refresh(self.contract.policy, asked["refresh"], holder=holder)
        return keep(request, self.write(self.refresh_out, grant), grant)


class Recovery(ResetViewSet):
    def recover(self, request: Request, email: str) -> HttpResponse:
        return self.mail_reset(
            self.check(RecoveryIn, {"email": email.rstrip("/")})["login"], RecoveryOut
        )


class Me(IdentityViewSet):
    authentication_classes = (KeyAuthentication, SessionTokenAuthentication)
    identity_out = MeOut


class Logout(LogoutViewSet):
    logout_out = LogoutOut

    def logout(self, request: Request) -> HttpResponse:
        """A cookie that came along with the token of another contract's session is none of its business."""
        if self.caller.contract != self.contract.name:
            return super().logout(request)
        sessions.log_out(self.caller, refresh=request.COOKIES.get(COOKIE))
        return with_cookie(request, self.write(self.logout_out), "", 0)


def urls(contract: Contract = contract, *, me_out: type[MeOut] = MeOut) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("token", Token, {"post": "login"}, oauth),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route("me", Me, {"get": "identity"}, contract, identity_out=me_out),
        *route("password-recovery/<path:email>", Recovery, {"post": "recover"}, contract),
        *route(
            "logout",
            Logout,
            {"post": "logout"},
            contract.with_phrases({errors.InvalidToken: AUTHENTICATION_REQUIRED}),
        ),
    ]
