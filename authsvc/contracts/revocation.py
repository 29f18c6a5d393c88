"""RFC 7009: revocation of tokens, for services with a key of scope ``revoke``."""

from django.http import HttpResponse
from django.urls import URLPattern
from rest_framework.request import Request

from accounts import sessions
from accounts.api.contract import ErrorResponse
from accounts.api.operations import uses
from accounts.api.viewsets import json_response
from apikeys import key_format
from apikeys.audit_codes import KeyReason
from apikeys.client_authentication import ClientAuthentication
from apikeys.errors import NotRevocable
from apikeys.scopes import Scope
from authsvc.contracts.oauth_clients import ClientViewSet, TokenRequest, endpoint
from authsvc.contracts.routes import route

PATH = "oauth2/revoke"
contract = endpoint("revocation", Scope.REVOKE).with_phrases(
    {
        NotRevocable: ErrorResponse(
            400, "API keys are ended by their owner or an operator", "unsupported_token_type"
        )
    }
)


class RevokeKeyAuthentication(ClientAuthentication):
    scope = Scope.REVOKE


class Revoke(ClientViewSet):
    authentication_classes = (RevokeKeyAuthentication,)
    revoke_request = TokenRequest

    @uses(
        refuses=(NotRevocable,),
        summary="End the session of a token (RFC 7009)",
        revoke_request={"token"},
    )
    def revoke(self, request: Request) -> HttpResponse:
        """End the session of a token, with all its tokens; the answer is 200 for any other text.

        The hint is not needed: each token says itself what it is.
        """
        token = self.read(self.revoke_request)["token"]
        if key_format.read(token):
            raise NotRevocable(KeyReason.KEY_AS_TOKEN)
        key = key_format.public_id(key_format.read(str(request.auth)) or "")
        sessions.revoke_token(token, KeyReason.REVOKED_BY_KEY, {"key": key})
        return json_response(None)


def urls() -> list[URLPattern]:
    return route(PATH, Revoke, {"post": "revoke"}, contract)
