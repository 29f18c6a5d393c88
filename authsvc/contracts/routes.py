"""How a documented path is routed: with or without a slash at its end, and never by a redirect."""

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
    """``place`` below a contract's mount, answered by ``viewset`` in the words of ``contract``; a POST to ``place/`` keeps its body."""
    view = viewset.as_view(actions, contract=contract, **options)
    return [path(place, view, name=place.partition("/")[0]), path(f"{place}/", view)]


def nothing_else(contract: Contract) -> URLPattern:
    """404, as the contract says it, for whatever else is below its mount."""
    return re_path(
        "", NotFoundViewSet.as_view({"get": "nothing"}, contract=contract), name="nothing"
    )
