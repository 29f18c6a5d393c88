"""Which contracts there are, and where they are mounted."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from authsvc.contracts import bearer, camel, challenge, envelope, form, shared_paths
from authsvc.contracts.paths import nothing_else

MODULES = (bearer, camel, form, challenge, envelope)


def urls(enabled: frozenset[str]) -> list[URLPattern | URLResolver]:
    """Every documented path, and below ``/c/<name>/`` each contract alone; a contract that is off is 404 in its own words."""
    patterns: list[URLPattern | URLResolver] = list(shared_paths.urls(enabled))
    for module in (challenge, envelope):
        patterns += module.urls() if module.contract.name in enabled else []
        patterns.append(nothing_else(module.MOUNT, module.contract))
    for module in MODULES:
        name = module.contract.name
        alone = [*(module.urls() if name in enabled else []), nothing_else("", module.contract)]
        patterns.append(path(f"c/{name}/", include((alone, name))))
    return patterns


urlpatterns = urls(frozenset(settings.CONTRACTS))
