"""Views of the documents, and their pages: a list of them, and Swagger UI for each."""

from typing import Any, cast

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.utils.decorators import method_decorator
from django.views.generic import TemplateView
from rest_framework.request import Request

from accounts.api.viewsets import OpenViewSet
from authsvc.contracts import registry
from authsvc.openapi import rendered

SHARED = "shared-paths"  # no contract can have a name with a hyphen
CACHE_CONTROL = "public, max-age=300"


class DocumentViewSet(OpenViewSet):
    """The OpenAPI document of a contract, or of the shared paths, for scripts of any origin."""

    document = ""
    documented = False

    def show(self, request: Request) -> HttpResponse:
        body, etag = rendered.document(self.document)
        headers = {"ETag": etag, "Access-Control-Allow-Origin": "*"}
        response = HttpResponse(body, content_type="application/json", headers=headers)
        unchanged = get_conditional_response(request._request, etag=etag, response=response)
        return cast("HttpResponse", unchanged)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = CACHE_CONTROL
        return response


class Page(TemplateView):
    """A page in English, as the documents are."""

    def render_to_response(self, context: dict[str, Any], **options: Any) -> Any:
        with translation.override("en"):
            response: Any = super().render_to_response(context, **options)
            return response.render()


class ListPage(Page):
    """The list of the documents."""

    template_name = "openapi/list.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        served = registry.served_names()
        contracts = [each.contract for each in registry.registered()]
        contracts = [contract for contract in contracts if contract.name in served]
        return super().get_context_data(contracts=contracts, shared=SHARED, **context)


@method_decorator(csp_update({"connect-src": [SELF]}), name="dispatch")
class DocumentPage(Page):
    """Swagger UI of one document; its script may send requests to this service, and to no other."""

    template_name = "openapi/document.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        name = str(self.kwargs["name"])
        if name != SHARED and name not in registry.served_names():
            raise Http404
        url = reverse("openapi") if name == SHARED else f"/c/{name}/openapi.json"
        return super().get_context_data(document_url=url, shared=SHARED, **context)
