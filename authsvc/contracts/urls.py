"""Paths of all contracts: the documented ones, and below ``/c/<name>/`` each contract alone."""

from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, include, path

from accounts.api.contract import Contract
from authsvc.contracts import registry, route_checks, shared_paths
from authsvc.contracts.routes import nothing_else
from authsvc.paths import is_forward_auth


def urls(served: frozenset[str]) -> list[URLResolver | URLPattern]:
    """Return the paths of every contract; one that is not served is 404 in its own wording."""
    patterns = mounted(shared_paths.MOUNT, shared_paths.urls(served), shared_paths.everyone)
    for each in registry.registered():
        contract, own = each.contract, own_paths(each, served)
        if contract not in shared_paths.JOINED:
            patterns += mounted(contract.mount, own, contract)
        alone = [*mounted(contract.mount, own, contract), nothing_else(contract)]
        patterns.append(path(f"c/{contract.name}/", include((alone, contract.name))))
    return patterns


def own_paths(registered: registry.Registered, served: frozenset[str]) -> list[URLPattern]:
    """Return the paths of a contract below its mount; none if it is not served."""
    contract, own_urls = registered
    return route_checks.own_urls(contract, own_urls) if contract.name in served else []


def mounted(
    mount: str, own: list[URLPattern], contract: Contract
) -> list[URLResolver | URLPattern]:
    """Return a contract's paths at their mount, and its 404 for whatever else is there."""
    nothing = nothing_else(contract)
    return [path(f"{mount}/", include([*own, nothing])), path(mount, nothing.callback)]


def check_collisions(
    contracts: Iterable[registry.Registered], others: Sequence[URLResolver | URLPattern]
) -> None:
    """Stop the start where a contract is mounted below a path that is not for programs."""
    taken = {"c", settings.STATIC_URL.strip("/"), *_first_segments(others)}
    for contract, _ in contracts:
        first = registry.prefix(contract).strip("/")
        if first in taken or is_forward_auth(f"/{contract.mount}"):
            raise ImproperlyConfigured(
                f"CONTRACTS must name contracts with a mount of their own; /{contract.mount} of "
                f"{contract.name} is below a path of authsvc."
            )


def _first_segments(patterns: Sequence[URLResolver | URLPattern]) -> Iterator[str]:
    for each in patterns:
        route = str(each.pattern)
        if isinstance(each, URLResolver) and not route:
            yield from _first_segments(each.url_patterns)
        else:
            yield route.partition("/")[0]


urlpatterns = urls(registry.served_names())
