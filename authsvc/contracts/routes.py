"""Routes of documented paths: with or without a slash at their end, and never by a redirect."""

from typing import Any

from django.urls import URLPattern, path, re_path

from accounts.api.contract import Contract
from accounts.api.viewsets import ContractViewSet, NotFoundViewSet


def route(
    place: str,
    viewset: type[ContractViewSet],
    actions: dict[str, Any],
    contract: Contract,
    **options: Any,
) -> list[URLPattern]:
    """Return the patterns of ``place`` below a mount, with and without a slash at its end.

    ``viewset`` answers in the wording of ``contract``; a redirect would lose the body of a POST.
    """
    view = viewset.as_view(actions, contract=contract, **options)
    return [path(place, view, name=place.partition("/")[0]), path(f"{place}/", view)]


def nothing_else(contract: Contract) -> URLPattern:
    """Return the pattern that answers 404, in the contract's wording, for any path."""
    return re_path(
        "", NotFoundViewSet.as_view({"get": "nothing"}, contract=contract), name="nothing"
    )
