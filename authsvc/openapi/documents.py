"""OpenAPI documents: one for each contract alone, and one of all that is on the shared paths."""

from collections.abc import Container, Iterable
from typing import Any, cast

from django.core.management import CommandError
from django.urls import URLPattern, URLResolver
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

from accounts.api.contract import Contract
from accounts.api.viewsets import ContractViewSet
from authsvc.contracts import registry
from authsvc.contracts.urls import mounted, own_paths
from authsvc.openapi import components, security
from authsvc.openapi import fields as registers_fields  # noqa: F401

Endpoint = tuple[str, str, str, Any]
VERSION = "1.0.0"
OF_ONE = """\
The contract `{name}`, alone: below `/c/{name}` it answers with its documented fields only.

Every refusal is JSON in the contract's error body, and every response has `X-Request-ID`. Unknown \
fields of a request are ignored; optional ones may be left out, null or empty."""
OF_ALL = """\
All that this deployment serves at the documented paths. `x-contracts` says which contracts an \
operation belongs to; a contract alone is described at `/c/<contract>/openapi.json`.

Three operations below `/api/v1/auth` may belong to several contracts: `login`, `refresh` and \
`logout`. The content type says which it is of a login, the key in the body of a refresh, and the \
token of a logout."""


class DocumentGenerator(SchemaGenerator):
    """drf-spectacular's generator, for one contract, or for all that are served.

    ``api_version``, that of ``manage.py spectacular --api-version``, is the name of a contract.
    ``only`` leaves out operations of other contracts.
    """

    def __init__(
        self,
        urlconf: str | None = None,
        api_version: str | None = None,
        patterns: Iterable[URLPattern | URLResolver] | None = None,
        only: frozenset[str] | None = None,
        **options: Any,
    ) -> None:
        self.name, self.only = api_version, only
        if self.name:
            patterns = alone(self.name)
        super().__init__(urlconf=urlconf, patterns=patterns, **options)

    def get_schema(self, request: Any = None, public: bool = True) -> dict[str, Any]:
        with translation.override("en"):
            document: dict[str, Any] = super().get_schema(request=request, public=public)
        document["info"] |= {"version": VERSION, **self.information()}
        if self.name:
            document["servers"] = [{"url": f"/c/{self.name}"}]
        operations = [each for path in document["paths"].values() for each in path.values()]
        tags = dict.fromkeys(tag for each in operations for tag in each.get("tags", ()))
        document["tags"] = [{"name": tag} for tag in tags]
        security.put_login_first(document["components"])
        components.share(document, prefixed=self.name is None)
        return document

    def information(self) -> dict[str, str]:
        if self.name:
            return {"title": f"authsvc: {self.name}", "description": OF_ONE.format(name=self.name)}
        return {"title": "authsvc", "description": OF_ALL}

    def _initialise_endpoints(self) -> None:
        super()._initialise_endpoints()
        found = [with_documented_names(each) for each in cast("Any", self.endpoints)]
        paths = dict.fromkeys(endpoint[0] for endpoint in found)
        order = list(paths)
        documented = [each for each in found if self.is_documented(each, paths)]
        # The methods of a view come in a set.
        documented.sort(key=lambda each: (order.index(each[0]), method_index(each)))
        self.endpoints = cast("Any", documented)

    def is_documented(self, endpoint: Endpoint, paths: Container[str]) -> bool:
        """Return whether an endpoint is an operation of a contract, at the path that it documents.

        The same path with a slash at its end is not.
        """
        path, _, _, view = endpoint
        return (
            issubclass(view.cls, ContractViewSet)
            and view.cls.documented
            and not path.startswith("/c/")
            and not (path.endswith("/") and path.rstrip("/") in paths)
            and self.includes(view.initkwargs["contract"])
        )

    def includes(self, contract: Contract) -> bool:
        known = {each.contract.name for each in registry.registered()}
        return self.only is None or contract.name in self.only or contract.name not in known

    def create_view(self, callback: Any, method: str, request: Any = None) -> Any:
        view = super().create_view(callback, method, request)
        view.documented_with_others = self.name is None
        return view


def with_documented_names(endpoint: Endpoint) -> Endpoint:
    """Return an endpoint whose path has the names of parameters that its contract documents."""
    path, regex, method, view = endpoint
    for name, documented in getattr(view.cls, "path_names", {}).items():
        path = path.replace(f"{{{name}}}", f"{{{documented}}}")
        regex = regex.replace(f":{name}>", f":{documented}>")
    return path, regex, method, view


def method_index(endpoint: Endpoint) -> int:
    """Return the place of an endpoint's method among those of its route."""
    _, _, method, view = endpoint
    return list(view.actions).index(method.lower())


def alone(name: str) -> list[URLPattern | URLResolver]:
    """Return the documented paths of one contract."""
    registered = {each.contract.name: each for each in registry.registered()}
    if name not in registered:
        raise CommandError(f"--api-version must be one of {', '.join(registered)}; {name} is none.")
    contract = registered[name].contract
    return mounted(contract.mount, own_paths(registered[name], frozenset({name})), contract)
