"""RFC 7662: introspection of access tokens, for services with a key of scope ``introspect``.

It is no contract that CONTRACTS could switch off, and gives out no token.
"""

from datetime import timedelta

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts import errors, identities
from accounts.api import parsers
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.viewsets import ContractViewSet
from accounts.policy import Policy
from apikeys.authentication import KeyAuthentication
from apikeys.scopes import Scope
from authsvc.contracts.fields import ConstantField, OutputField, Serializer, TokenField
from authsvc.contracts.form import oauth_error
from authsvc.contracts.routes import route

no_key = ErrorResponse(401, "An API key of scope introspect is required", "invalid_client")
contract = Contract(
    policy=Policy(
        name="introspection",
        access=timedelta(0),  # it gives out no token
        refresh=None,
    ),
    mount="",
    error_body=oauth_error,
    phrases={errors.InvalidToken: no_key, exceptions.NotAuthenticated: no_key},
)


class IntrospectKeyAuthentication(KeyAuthentication):
    scope = Scope.INTROSPECT


class TokenRequest(Serializer):
    token = TokenField()


class ActiveResponse(Serializer):
    """The response of RFC 7662, 2.2; ``sid``, ``role`` and ``contract`` are additions of ours."""

    active = ConstantField(True)
    token_type = ConstantField("Bearer")
    iss = OutputField(source="token.payload.iss")
    sub = OutputField(source="identity.uuid")
    username = OutputField(source="identity.username")
    role = OutputField(source="identity.role")
    contract = OutputField(source="token.payload.contract")
    sid = OutputField(source="token.payload.sid")
    jti = OutputField(source="token.payload.jti")
    iat = serializers.IntegerField(source="token.payload.iat")
    exp = serializers.IntegerField(source="token.payload.exp")


class InactiveResponse(Serializer):
    active = ConstantField(False)


class Introspect(ContractViewSet):
    parser_classes = parsers.JSON_AND_FORMS
    authentication_classes = (IntrospectKeyAuthentication,)

    def introspect(self, request: Request) -> HttpResponse:
        """Answer with two queries: one for the key and one for the token."""
        found = identities.introspect(self.read(TokenRequest)["token"])
        if found is None:
            return self.write(InactiveResponse)
        identity, token = found
        return self.write(ActiveResponse, {"identity": identity, "token": token})


def urls() -> list[URLPattern]:
    return route("introspect", Introspect, {"post": "introspect"}, contract)
