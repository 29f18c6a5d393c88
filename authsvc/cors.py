"""CORS: scripts of other origins may call the contracts, and nothing else."""

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest

from authsvc.contracts import registry
from authsvc.paths import is_forward_auth


class ContractCorsMiddleware(CorsMiddleware):
    """django-cors-headers, with the paths of contracts in place of CORS_URLS_REGEX."""

    def is_enabled(self, request: HttpRequest) -> bool:
        prefixes = {registry.prefix(each.contract) for each in registry.registered()}
        path = request.path_info
        return path.startswith(("/c/", *prefixes)) and not is_forward_auth(path)
