"""Operations on API keys and provider credentials: they require a session's token, never a key."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.viewsets import ContractViewSet, OpenViewSet, ShapeClass, answer
from apikeys import keys, providers
from apikeys.models import APIKey


class KeyViewSet(ContractViewSet):
    key_in: ShapeClass
    key_out: ShapeClass
    created_out: ShapeClass
    rotate_in: ShapeClass

    def create(self, request: Request) -> HttpResponse:
        asked = self.read(self.key_in)
        return self.show_once(*keys.create(self.caller, **asked))

    def list(self, request: Request) -> HttpResponse:
        live = APIKey.objects.live().filter(owner_id=self.caller.id).order_by("-created_at")
        return answer([self.shape(self.key_out, key) for key in live])

    def destroy(self, request: Request, key_id: str) -> HttpResponse:
        keys.delete(self.caller, key_id)
        return answer(None, 204)

    def rotate(self, request: Request, key_id: str) -> HttpResponse:
        asked = self.read(self.rotate_in)
        return self.show_once(*keys.rotate(self.caller, key_id, asked["overlap"]))

    def show_once(self, key: APIKey, secret: str) -> HttpResponse:
        return self.write(self.created_out, {"key": key, "secret": secret}, status=201)


class LeakedKeyViewSet(OpenViewSet):
    leaked_in: ShapeClass

    def revoke(self, request: Request) -> HttpResponse:
        keys.revoke_leaked(self.read(self.leaked_in)["secret"])
        return answer(None, 204)


class ProviderCredentialViewSet(ContractViewSet):
    credentials_out: ShapeClass
    provider: str

    def show(self, request: Request) -> HttpResponse:
        return self.write(self.credentials_out, providers.show(self.caller, self.provider))
