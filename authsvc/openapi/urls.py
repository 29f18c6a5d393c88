"""Paths of the documents and of their pages; none where API_DOCS is off."""

from django.conf import settings
from django.urls import URLPattern, path

from authsvc.contracts import registry, shared_paths
from authsvc.openapi.views import DocumentPage, DocumentViewSet, ListPage

# In the wording of the shared paths: whoever asks for this document has not chosen a contract.
DOCUMENT = "openapi.json"


def urls() -> list[URLPattern]:
    """Return the paths of the pages, and of the document of the shared paths."""
    if not settings.API_DOCS:
        return []
    shared = DocumentViewSet.as_view({"get": "show"}, contract=shared_paths.everyone)
    return [
        path(DOCUMENT, shared, name="openapi"),
        path("docs", ListPage.as_view(), name="docs"),
        path("docs/<str:name>", DocumentPage.as_view(), name="document"),
    ]


def of_contracts() -> list[URLPattern]:
    """Return the path of each contract's document; they stand before the contract's own paths."""
    if not settings.API_DOCS:
        return []
    return [
        path(
            f"c/{contract.name}/{DOCUMENT}",
            DocumentViewSet.as_view({"get": "show"}, contract=contract, document=contract.name),
        )
        for contract, _ in registry.registered()
        if contract.name in registry.served_names()
    ]
