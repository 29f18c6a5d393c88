"""Which contracts there are, and where they are mounted."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from accounts.api.contract import Contract
from authsvc.contracts import bearer, camel, challenge, envelope, form, shared_paths
from authsvc.contracts.routes import nothing_else

MODULES = (bearer, camel, form, challenge, envelope)


def urls(enabled: frozenset[str]) -> list[URLResolver | URLPattern]:
    """Every documented path, and below ``/c/<name>/`` each contract alone; a contract that is off is 404 in its own words."""
    patterns = mounted(shared_paths.MOUNT, shared_paths.urls(enabled), shared_paths.everyone)
    for module in MODULES:
        contract, own = module.contract, module.urls() if module.contract.name in enabled else []
        if module.MOUNT != shared_paths.MOUNT:
            patterns += mounted(module.MOUNT, own, contract)
        alone = [*mounted(module.MOUNT, own, contract), nothing_else(contract)]
        patterns.append(path(f"c/{contract.name}/", include((alone, contract.name))))
    return patterns


def mounted(
    mount: str, own: list[URLPattern], contract: Contract
) -> list[URLResolver | URLPattern]:
    """A contract's paths at their mount, and 404 in its words for the mount itself and whatever else is below it."""
    nothing = nothing_else(contract)
    return [path(f"{mount}/", include([*own, nothing])), path(mount, nothing.callback)]


urlpatterns = urls(frozenset(settings.CONTRACTS))
