"""Document 004: one token of a day, and ``success`` in every response."""

from datetime import timedelta
from urllib.parse import quote

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts import errors, identities, sessions
from accounts.api.authentication import SessionTokenAuthentication, bearer_token
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.operations import uses
from accounts.api.viewsets import IdentityViewSet, LoginViewSet, OpenViewSet
from accounts.identities import Identity
from accounts.policy import Policy
from apikeys.authentication import KeyAuthentication
from apikeys.errors import AdminRequired, NothingStored, UnreadableSecret
from apikeys.models import ProviderCredential
from apikeys.viewsets import ProviderCredentialViewSet
from authsvc.contracts.contract_settings import from_settings
from authsvc.contracts.fields import (
    ConstantField,
    OutputField,
    PasswordField,
    Serializer,
    TextField,
    TimestampField,
)
from authsvc.contracts.routes import route

Provider = ProviderCredential.Provider

contract = Contract(
    policy=from_settings(
        Policy(
            name="envelope",
            access=timedelta(hours=24),
            refresh=None,
        )
    ),
    mount="api/auth",
    error_body=lambda error: {"success": False, "message": error.text},
    phrases={
        errors.InvalidCredentials: ErrorResponse(401, "Invalid username or password"),
        exceptions.NotAuthenticated: ErrorResponse(401, "No token provided"),
        AdminRequired: ErrorResponse(403, "Admin access required"),
        UnreadableSecret: ErrorResponse(
            503,
            "The stored credentials cannot be decrypted: an operator has to restore the key, "
            "or store them again",
        ),
    },
)


class UserObject(Serializer):
    id = serializers.UUIDField(source="uuid")
    username = OutputField()
    email = OutputField()
    name = OutputField()
    organization = OutputField()
    aws_region = OutputField()
    role = OutputField()
    is_active = serializers.BooleanField()
    created_at = TimestampField()
    updated_at = TimestampField()
    last_login = TimestampField(allow_null=True)


class LoginRequest(Serializer):
    username = TextField(source="identifier")
    password = PasswordField()


class LoginResponse(Serializer):
    success = ConstantField(True)
    message = ConstantField("Login successful")
    token = OutputField(source="access")
    user = UserObject()


class ValidateResponse(Serializer):
    success = ConstantField(True)
    message = ConstantField("Token is valid")
    user = UserObject(source="*")


class LogoutResponse(Serializer):
    success = ConstantField(True)
    message = ConstantField("Logged out")


class AWSObject(Serializer):
    region = OutputField()
    accessKeyId = OutputField(source="key_id")
    secretAccessKey = OutputField(source="masked")
    endpoint = OutputField()
    authMethod = ConstantField("AWS Signature Version 4")
    curlExample = OutputField(source="curl")
    nodeExample = OutputField(source="node")
    pythonExample = OutputField(source="python")


class NVIDIAObject(Serializer):
    apiKey = OutputField(source="masked")
    baseUrl = OutputField(source="base_url")
    endpoint = OutputField()
    curlExample = OutputField(source="curl")
    nodeExample = OutputField(source="node")
    pythonExample = OutputField(source="python")


class AWSCredentialsResponse(Serializer):
    success = ConstantField(True)
    credentials = AWSObject(source="*")


class NVIDIACredentialsResponse(Serializer):
    success = ConstantField(True)
    credentials = NVIDIAObject(source="*")


class Login(LoginViewSet):
    login_request, login_response = LoginRequest, LoginResponse


class Validate(IdentityViewSet):
    authentication_classes = (KeyAuthentication, SessionTokenAuthentication)
    identity_response = ValidateResponse

    @uses(
        summary="Return the user of an access token or an API key",
        headers={
            "X-Auth-User": "The user name, percent-encoded beyond ASCII",
            "X-Auth-Role": "user, admin or super_admin",
            "X-Auth-Scopes": "The scopes of an API key, or session",
        },
        identity_response=Identity,
    )
    def identity(self, request: Request) -> HttpResponse:
        """Add headers with the user, for a proxy that passes them on.

        nginx auth_request, Traefik ForwardAuth and Caddy forward_auth read them.
        """
        response = super().identity(request)
        response.headers["X-Auth-User"] = quote(self.caller.username, safe="!#$&'*+-.^_`|~ ")
        response.headers["X-Auth-Role"] = self.caller.role
        response.headers["X-Auth-Scopes"] = self.caller.scope
        return response


class Logout(OpenViewSet):
    logout_response = LogoutResponse

    @uses(token=True, summary="End the session of a token, if there is one", logout_response=None)
    def logout(self, request: Request) -> HttpResponse:
        """End the session of a token, if there is one; without one there is nothing to end."""
        try:
            if token := bearer_token(request):
                sessions.log_out(identities.identify(token, expired=True))
        except errors.InvalidToken:
            pass
        return self.write(self.logout_response)


class AWSCredentials(ProviderCredentialViewSet):
    provider, credentials_response = Provider.AWS, AWSCredentialsResponse


class NVIDIACredentials(ProviderCredentialViewSet):
    provider, credentials_response = Provider.NVIDIA, NVIDIACredentialsResponse


def without(contract: Contract, provider: Provider) -> Contract:
    """Return ``contract`` with the way to store this provider's credentials as their 404."""
    text = (
        f"No {provider.label} credentials are stored: an operator stores them in the admin, "
        f"or with manage.py set_provider_credentials {provider}"
    )
    return contract.with_phrases({NothingStored: ErrorResponse(404, text)})


def urls(contract: Contract = contract) -> list[URLPattern]:
    login = contract.with_phrases(
        {exceptions.ValidationError: ErrorResponse(400, "Username and password are required")}
    )
    return [
        *route("login", Login, {"post": "login"}, login),
        *route("validate", Validate, {"get": "identity"}, contract),
        *route("logout", Logout, {"post": "logout"}, contract),
        *route("aws-credentials", AWSCredentials, {"get": "show"}, without(contract, Provider.AWS)),
        *route(
            "nvidia-credentials",
            NVIDIACredentials,
            {"get": "show"},
            without(contract, Provider.NVIDIA),
        ),
    ]
