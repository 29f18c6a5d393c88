"""How a documented path is routed: with or without a slash at its end, and never by a redirect."""

from typing import Any

from django.urls import URLPattern, re_path

from accounts.contract import Contract
from accounts.viewsets import ContractViewSet, NotFoundViewSet


def route(mount: str, path: str, viewset: type[ContractViewSet], actions: dict[str, Any], contract: Contract, **options: Any) -> URLPattern:
    """``path`` below ``mount``, answered by ``viewset`` in the words of ``contract``; a POST to ``path/`` keeps its body."""
    view = viewset.as_view(actions, contract=contract, **options)
    return re_path(rf"^{mount}/{path}/?$", view, name=path.partition("/")[0])


def nothing_else(mount: str, contract: Contract) -> URLPattern:
    """404, as the contract says it, for the mount itself and whatever else is below it."""
    below = rf"^{mount}(?:/.*)?$" if mount else r"^.*$"
    return re_path(below, NotFoundViewSet.as_view({"get": "nothing"}, contract=contract), name="nothing")
