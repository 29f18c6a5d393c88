"""RFC 7662: whether somebody else's access token is good at this moment, for services that hold a key of scope ``introspect``."""

from datetime import timedelta

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from accounts import errors, sessions
from accounts.api import parsers
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.viewsets import ContractViewSet
from accounts.policy import Policy
from apikeys.authentication import KeyAuthentication
from apikeys.scopes import Scope
from authsvc.contracts.fields import Out, Says, Shape, TokenText
from authsvc.contracts.form import oauth_error
from authsvc.contracts.routes import route

no_key = ErrorResponse(401, "An API key of scope introspect is required", "invalid_client")
contract = Contract(
    policy=Policy(
        name="introspection",
        access=timedelta(0),  # it gives out no token
        refresh=None,
    ),
    error_body=oauth_error,
    phrases={errors.InvalidToken: no_key, exceptions.NotAuthenticated: no_key},
)


class IntrospectKeyAuthentication(KeyAuthentication):
    scope = Scope.INTROSPECT


class TokenIn(Shape):
    token = TokenText()


class ActiveOut(Shape):
    """RFC 7662, 2.2; ``sid``, ``role`` and ``contract`` are ours."""

    active = Says(True)
    token_type = Says("Bearer")
    iss = Out(source="token.payload.iss")
    sub = Out(source="identity.uuid")
    username = Out(source="identity.username")
    role = Out(source="identity.role")
    contract = Out(source="token.payload.contract")
    sid = Out(source="token.payload.sid")
    jti = Out(source="token.payload.jti")
    iat = serializers.IntegerField(source="token.payload.iat")
    exp = serializers.IntegerField(source="token.payload.exp")


class InactiveOut(Shape):
    active = Says(False)


class Introspect(ContractViewSet):
    parser_classes = (parsers.JSONParser, *parsers.FORMS)
    authentication_classes = (IntrospectKeyAuthentication,)

    def introspect(self, request: Request) -> HttpResponse:
        """Two queries: the key's and the token's."""
        found = sessions.introspect(self.read(TokenIn)["token"])
        if found is None:
            return self.write(InactiveOut)
        identity, token = found
        return self.write(ActiveOut, {"identity": identity, "token": token})


def urls() -> list[URLPattern]:
    return route("introspect", Introspect, {"post": "introspect"}, contract)
