"""Operations on API keys and provider credentials: they require a session's token, never a key."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.operations import uses
from accounts.api.viewsets import ContractViewSet, OpenViewSet, SerializerClass, json_response
from apikeys import keys, providers
from apikeys.errors import (
    AdminRequired,
    AlreadyRotated,
    KeyNotFound,
    NothingStored,
    ScopeReserved,
    TooManyKeys,
    UnreadableSecret,
)
from apikeys.models import APIKey


class KeyViewSet(ContractViewSet):
    key_request: SerializerClass
    key_response: SerializerClass
    created_key_response: SerializerClass
    rotate_key_request: SerializerClass

    @uses(
        "show_once",
        refuses=(ScopeReserved, TooManyKeys),
        name="create_key",
        summary="Create an API key, and show it this once",
        key_request={"name", "scopes", "expires_at"},
    )
    def create(self, request: Request) -> HttpResponse:
        validated = self.read(self.key_request)
        return self.show_once(*keys.create(self.caller, **validated))

    @uses(many=True, name="list_keys", summary="List your active API keys", key_response=APIKey)
    def list(self, request: Request) -> HttpResponse:
        live = keys.live_of(self.caller.id)
        return json_response([self.represent(self.key_response, key) for key in live])

    @uses(
        refuses=(KeyNotFound,),
        status=204,
        name="delete_key",
        summary="End one of your API keys",
    )
    def destroy(self, request: Request, key_id: str) -> HttpResponse:
        keys.delete(self.caller, key_id)
        return json_response(None, 204)

    @uses(
        "show_once",
        refuses=(KeyNotFound, ScopeReserved, AlreadyRotated, TooManyKeys),
        name="rotate_key",
        summary="Create the successor of an API key, and show it this once",
        rotate_key_request={"overlap"},
    )
    def rotate(self, request: Request, key_id: str) -> HttpResponse:
        validated = self.read(self.rotate_key_request)
        return self.show_once(*keys.rotate(self.caller, key_id, validated["overlap"]))

    @uses(status=201, created_key_response=None)
    def show_once(self, key: APIKey, secret: str) -> HttpResponse:
        return self.write(self.created_key_response, {"key": key, "secret": secret}, status=201)


class LeakedKeyViewSet(OpenViewSet):
    leaked_key_request: SerializerClass

    @uses(
        refuses=(KeyNotFound,),
        status=204,
        name="revoke_leaked_key",
        summary="End an API key that somebody has found",
        leaked_key_request={"secret"},
    )
    def revoke(self, request: Request) -> HttpResponse:
        keys.revoke_leaked(self.read(self.leaked_key_request)["secret"])
        return json_response(None, 204)


class ProviderCredentialViewSet(ContractViewSet):
    credentials_response: SerializerClass
    provider: str

    @uses(
        refuses=(AdminRequired, NothingStored, UnreadableSecret),
        summary="Return the masked credentials of a provider, for admins",
        credentials_response=None,
    )
    def show(self, request: Request) -> HttpResponse:
        return self.write(self.credentials_response, providers.show(self.caller, self.provider))
