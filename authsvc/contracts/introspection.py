"""RFC 7662: introspection of tokens, for services with a key of scope ``introspect``."""

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework import serializers
from rest_framework.request import Request

from accounts import identities
from accounts.api.operations import uses
from apikeys.client_authentication import ClientAuthentication
from apikeys.scopes import Scope
from authsvc.contracts.fields import ConstantField, OutputField, Serializer
from authsvc.contracts.oauth_clients import REFRESH_TOKEN, ClientViewSet, TokenRequest, endpoint
from authsvc.contracts.routes import route

PATH = "oauth2/introspect"
contract = endpoint("introspection", Scope.INTROSPECT)


class IntrospectKeyAuthentication(ClientAuthentication):
    scope = Scope.INTROSPECT


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


class ActiveRefreshResponse(ActiveResponse):
    token_type = ConstantField(REFRESH_TOKEN)


class InactiveResponse(Serializer):
    active = ConstantField(False)


class Introspect(ClientViewSet):
    authentication_classes = (IntrospectKeyAuthentication,)
    introspect_request = TokenRequest
    active_response = ActiveResponse
    active_refresh_response = ActiveRefreshResponse
    inactive_response = InactiveResponse

    @uses(
        summary="Ask whether a token is active, and whose it is (RFC 7662)",
        introspect_request={"token"},
        active_response=None,
        active_refresh_response=None,
        inactive_response=None,
    )
    def introspect(self, request: Request) -> HttpResponse:
        """Answer with two queries: one for the key and one for the token.

        A refresh token is active only to a client that says it is one: a service that looks at
        ``active`` alone must not take it for an access token (RFC 8725, 3.11).
        """
        asked = self.read(self.introspect_request)
        if found := identities.introspect(asked["token"]):
            return self.write(self.active_response, found._asdict())
        if asked.get("hint") != REFRESH_TOKEN:
            return self.write(self.inactive_response)
        if refreshing := identities.introspect_refresh(asked["token"]):
            return self.write(self.active_refresh_response, refreshing._asdict())
        return self.write(self.inactive_response)


def urls() -> list[URLPattern]:
    """Return its path, and the one that it had first."""
    return [
        *route(PATH, Introspect, {"post": "introspect"}, contract),
        *route("introspect", Introspect, {"post": "introspect"}, contract),
    ]
