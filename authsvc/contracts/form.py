"""Document 002: logins by form, and nested tokens of a week and a year.

Refresh tokens rotate, and are in a cookie too.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts import errors, refresh, sessions
from accounts.api import parsers
from accounts.api.authentication import SessionTokenAuthentication, bearer_token
from accounts.api.contract import AUTHENTICATION_REQUIRED, Contract, ErrorResponse
from accounts.api.operations import uses
from accounts.api.viewsets import (
    WRONG_PASSWORD,
    IdentityViewSet,
    LoginViewSet,
    LogoutViewSet,
    RefreshViewSet,
    ResetViewSet,
)
from accounts.issued_tokens import IssuedTokens
from accounts.policy import Policy
from apikeys.authentication import KeyAuthentication
from authsvc.contracts.contract_settings import from_settings
from authsvc.contracts.fields import (
    ConstantField,
    OutputField,
    PasswordField,
    Serializer,
    TextField,
    TokenField,
)
from authsvc.contracts.routes import route

COOKIE = "refresh_token"
SETS_COOKIE = {"Set-Cookie": f"{COOKIE}=…: HttpOnly, SameSite=Lax, for the path of the contract"}
CLEARS_COOKIE = {"Set-Cookie": f"{COOKIE} is cleared"}

contract = Contract(
    policy=from_settings(
        Policy(
            name="form",
            access=timedelta(days=7),
            refresh=timedelta(days=365),
            rotates=True,
            session_maximum=timedelta(days=3 * 365),
        )
    ),
    mount="api/v1/auth",
    may_rotate=True,
    token_endpoint="token",  # noqa: S106 (a path)
    error_body=lambda error: {"detail": error.text},
)


def oauth_error(error: ErrorResponse) -> dict[str, Any]:
    """Return the body of RFC 6749, 5.2; codes that it does not list are those of 4.1.2.1."""
    code = {
        503: "temporarily_unavailable",
        429: "temporarily_unavailable",
        500: "server_error",
    }.get(error.status, "invalid_request")
    return {"error": error.code or code, "error_description": error.text}


# The response of /token has no place for a refresh token, so none is made: its session lasts as
# long as the access token.
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


class LoginRequest(Serializer):
    username = TextField(source="identifier")
    password = PasswordField()


class AccessTokenObject(Serializer):
    token = OutputField(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")
    token_type = ConstantField("bearer")


class RefreshTokenObject(Serializer):
    token = OutputField(source="refresh")
    expires_in = serializers.IntegerField(source="refresh_seconds")
    token_type = ConstantField("bearer")


class TokenPairResponse(Serializer):
    username = OutputField()
    access_token = AccessTokenObject(source="*")
    refresh_token = RefreshTokenObject(source="*")


class TokenRequest(LoginRequest):
    grant_type = TextField(required=False)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Check the grant first: of another grant, a missing user name is no mistake."""
        if isinstance(data, dict) and data.get("grant_type") not in (None, "", "password"):
            raise errors.UnsupportedGrantType
        return super().run_validation(data)


class TokenResponse(Serializer):
    access_token = OutputField(source="access")
    expires_in = serializers.IntegerField(source="access_seconds")
    token_type = ConstantField("bearer")


class RefreshRequest(Serializer):
    token = TokenField(source="refresh")


class MeResponse(Serializer):
    id = serializers.IntegerField()
    username = OutputField()
    email = OutputField()
    name = OutputField()
    is_superuser = serializers.BooleanField()
    is_active = serializers.BooleanField()


class RecoveryRequest(Serializer):
    email = TextField(source="identifier", max_length=254)


class RecoveryResponse(Serializer):
    message = ConstantField("Password recovery email sent.")


class LogoutResponse(Serializer):
    message = ConstantField("Logged out successfully.")


def keep(request: Request, response: HttpResponse, issued: IssuedTokens) -> HttpResponse:
    """Set the cookie with the refresh token, which logout reads."""
    return with_cookie(request, response, issued.refresh, issued.refresh_seconds)


def with_cookie(request: Request, response: HttpResponse, value: str, seconds: int) -> HttpResponse:
    """Set the cookie, on the path of the mount through which the request came.

    Browsers send it back to no other path: the mount has a prefix where the contract is alone.
    """
    path = f"{request.path.partition(f'/{contract.mount}/')[0]}/{contract.mount}"
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
    login_request, login_response = LoginRequest, TokenPairResponse

    @uses(headers=SETS_COOKIE, login_response=IssuedTokens)
    def logged_in(self, issued: IssuedTokens) -> HttpResponse:
        return keep(self.request, super().logged_in(issued), issued)


class Token(LoginViewSet):
    """The password grant of OAuth 2.0 (RFC 6749, 4.3), for Swagger UI's Authorize button."""

    parser_classes = parsers.FORMS
    login_request, login_response = TokenRequest, TokenResponse

    @uses(
        "challenged",
        "logged_in",
        refuses=(*WRONG_PASSWORD, errors.UnsupportedGrantType),
        summary="Log in by the password grant of OAuth 2.0 (RFC 6749, 4.3)",
        login_request={"identifier", "password"},
    )
    def login(self, request: Request) -> HttpResponse:
        return super().login(request)


class Refresh(RefreshViewSet):
    refresh_request, refresh_response = RefreshRequest, TokenPairResponse

    @uses(
        refuses=(exceptions.NotAuthenticated, errors.InvalidToken, errors.InvalidRefreshToken),
        token=True,
        headers=SETS_COOKIE,
        summary="Get new tokens for a refresh token, which is spent",
        refresh_request={"refresh"},
        refresh_response=IssuedTokens,
    )
    def refresh(self, request: Request) -> HttpResponse:
        """Refresh with an access token in the header, since the document "requires authentication".

        It is a live one of the same user, or one of the same session, even expired: clients
        refresh when it has expired.
        """
        holder = bearer_token(request)
        if holder is None:
            raise exceptions.NotAuthenticated
        validated = self.read(self.refresh_request)
        issued = refresh.refresh_session(self.contract.policy, validated["refresh"], holder=holder)
        return keep(request, self.write(self.refresh_response, issued), issued)


class Recovery(ResetViewSet):
    forgot_response = RecoveryResponse

    @uses(
        "mail_reset",
        "succeed",
        refuses=(exceptions.ValidationError,),
        summary="Mail a link and a code to reset a password, if there is such an account",
        forgot_response=None,
    )
    def recover(self, request: Request, email: str) -> HttpResponse:
        return self.mail_reset(
            self.check(RecoveryRequest, {"email": email.rstrip("/")})["identifier"],
            self.forgot_response,
        )


class Me(IdentityViewSet):
    authentication_classes = (KeyAuthentication, SessionTokenAuthentication)
    identity_response = MeResponse


class Logout(LogoutViewSet):
    logout_response = LogoutResponse

    @uses(
        headers=CLEARS_COOKIE,
        cookies={COOKIE: "The refresh token, which ends with the session"},
        summary="End the session of an access token, and its refresh token",
        logout_response=None,
    )
    def logout(self, request: Request) -> HttpResponse:
        """End the session; leave the cookie alone if another contract opened the session."""
        if self.caller.contract != self.contract.name:
            return super().logout(request)
        sessions.log_out(self.caller, refresh=request.COOKIES.get(COOKIE))
        return with_cookie(request, self.write(self.logout_response), "", 0)


def urls(
    contract: Contract = contract, *, me_response: type[MeResponse] = MeResponse
) -> list[URLPattern]:
    return [
        *route("login", Login, {"post": "login"}, contract),
        *route("token", Token, {"post": "login"}, oauth),
        *route("refresh", Refresh, {"post": "refresh"}, contract),
        *route("me", Me, {"get": "identity"}, contract, identity_response=me_response),
        *route("password-recovery/<path:email>", Recovery, {"post": "recover"}, contract),
        *route(
            "logout",
            Logout,
            {"post": "logout"},
            contract.with_phrases({errors.InvalidToken: AUTHENTICATION_REQUIRED}),
        ),
    ]
