"""One operation in a document: request, responses and refusals, read off its viewset."""

from collections.abc import Iterable
from functools import cached_property
from itertools import count
from typing import Any

from django.http import Http404
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from rest_framework import exceptions
from rest_framework.parsers import BaseParser

from accounts.api.contract import Contract
from accounts.api.operations import Uses, described
from accounts.api.viewsets import ContractViewSet, SerializerClass
from authsvc.contracts import registry
from authsvc.contracts.shared_paths import Fork
from authsvc.openapi import examples, forks, names, refusals, security

JSON = "application/json"


class OperationSchema(AutoSchema):
    """The OpenAPI object of one operation.

    It overrides how drf-spectacular guesses requests and responses: marks of operations say them.
    """

    view: ContractViewSet  # type: ignore[override]
    registry: ComponentRegistry
    path: str
    method: str
    error_name = "ErrorBody"

    @property
    def is_of_several(self) -> bool:
        """Whether the document has several contracts: names then say which contract theirs is."""
        return bool(getattr(self.view, "documented_with_others", False))

    @cached_property
    def mark(self) -> Uses:
        return described(type(self.view), str(self.view.action))

    @property
    def contract(self) -> Contract:
        return self.view.contract

    @cached_property
    def own_path(self) -> str:
        return names.below_mount(self.path, self.contract.mount)

    @cached_property
    def examples(self) -> dict[str, Any]:
        return examples.of_operation(self.view, f"{self.method} {self.own_path}")

    def get_operation(
        self,
        path: str,
        path_regex: str,
        path_prefix: str,
        method: str,
        registry: ComponentRegistry,
    ) -> dict[str, Any] | None:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        if isinstance(self.view, Fork):
            choices = [
                self.of_choice(choice, (path, path_regex, path_prefix, method, registry))
                for choice in self.view.choices()
            ]
            operation = forks.merged(operation, choices)
        return operation | {"x-contracts": self.contracts()}

    def of_choice(self, choice: Any, place: tuple[Any, ...]) -> dict[str, Any]:
        """Return the operation of one contract on a path of several."""
        view: Any = choice.view()
        view.documented_with_others = self.is_of_several
        view.action, view.action_map = self.view.action, {}
        view.request, view.kwargs = self.view.request, self.view.kwargs
        schema = type(self)()
        schema.view = view
        schema.error_name = "SharedErrorBody"
        return schema.get_operation(*place) or {}

    def contracts(self) -> list[str]:
        """Return the contracts of this operation; none where it belongs to the service itself."""
        if isinstance(self.view, Fork):
            return self.view.contracts()
        known = {each.contract.name for each in registry.registered()}
        return [self.contract.name] if self.contract.name in known else []

    def get_operation_id(self) -> str:
        name = names.operation_name(self.view, self.mark, self.own_path)
        prefixed = self.is_of_several and not isinstance(self.view, Fork)
        return "_".join([*(self.contracts() if prefixed else []), name])

    def get_summary(self) -> str | None:
        return self.mark.summary or None

    def get_tags(self) -> list[str]:
        return ["shared"] if isinstance(self.view, Fork) else [self.contract.name]

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name: str = type(serializer).__name__
        return f"{names.serializer_prefix(serializer)}{name}" if self.is_of_several else name

    # Requests

    def get_auth(self) -> list[dict[str, Any]]:
        """Return the ways to authenticate; none for an operation that is open to anybody."""
        schemes = security.schemes_of(self.view.authentication_classes, token=self.mark.token)
        for name, scheme in schemes.items():
            self.register(name, scheme, ResolvedComponent.SECURITY_SCHEMA)
        is_optional = exceptions.NotAuthenticated not in self.refusal_classes()
        return [{name: []} for name in schemes] + ([{}] if schemes and is_optional else [])

    def get_request_serializer(self) -> None:
        """Return nothing to drf-spectacular: ``_get_request_body`` says all about requests."""

    def get_response_serializers(self) -> None:
        """Return nothing to drf-spectacular: ``_get_response_bodies`` says all about responses."""

    def map_parsers(self) -> list[str]:
        return list(dict.fromkeys(str(parser.media_type) for parser in self.parsers()))

    def parsers(self) -> list[BaseParser]:
        return [each for each in self.view.get_parsers() if getattr(each, "documented", True)]

    def _get_parameters(self) -> list[dict[str, Any]]:
        """Return the parts of the path, with the document's examples, and the cookies."""
        cookies = [
            {"in": "cookie", "name": name, "description": text, "schema": {"type": "string"}}
            for name, text in self.mark.cookies.items()
        ]
        found = super()._get_parameters()
        for each in found:
            if each["name"] in self.examples.get("path", {}):
                each["example"] = self.examples["path"][each["name"]]
        return [*found, *cookies]

    def request_serializer(self) -> SerializerClass | None:
        return next((cls for cls, is_request in self.serializers() if is_request), None)

    def serializers(self) -> list[tuple[SerializerClass, bool]]:
        """Return the serializers of an operation, each with whether it reads the request."""
        used = self.mark.serializers.items()
        found = [(getattr(self.view, name, None), each.is_request) for name, each in used]
        return [(cls, is_request) for cls, is_request in found if isinstance(cls, type)]

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        serializer = self.request_serializer()
        if serializer is None:
            return None
        component = self.resolve_serializer(serializer, "request")
        content = self.content(component.ref, self.examples.get("request"), self.map_parsers())
        return {"content": content, "required": bool(component.schema.get("required"))}

    # Responses

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        return {**self.success(), **self.refused()}

    def success(self) -> dict[str, Any]:
        responses = [cls for cls, is_request in self.serializers() if not is_request]
        empty = "succeed" in self.mark.calls and self.view.empty_success
        status = 204 if empty else self.mark.status or 200
        headers = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in self.mark.headers.items()
        }
        response = {"headers": refusals.HEADERS | headers, "description": "Success"}
        if not responses or status == 204:
            return {str(status): response}
        schema = one_or_any(self.resolve_serializer(cls, "response").ref for cls in responses)
        schema = {"type": "array", "items": schema} if self.mark.many else schema
        content = self.content(schema, self.examples.get(str(status)))
        return {str(status): response | {"content": content}}

    def content(
        self, schema: dict[str, Any], example: Any, media_types: Iterable[str] = (JSON,)
    ) -> dict[str, Any]:
        shown = {} if example is None else {"examples": examples.as_media_type(example)}
        return {media_type: {"schema": schema, **shown} for media_type in media_types}

    def refused(self) -> dict[str, Any]:
        """Return the responses to refusals: those of any request, and those of this operation."""
        found = {}
        classes = self.refusal_classes()
        for status, same in refusals.by_status(self.contract, classes, self.sample_texts()).items():
            causes = [
                cls for cls in classes if self.contract.response_to(cls, str).status == status
            ]
            is_off = {*causes} == {Http404} and not self.is_of_several
            contract = self.usual_contract if is_off else self.contract
            found[str(status)] = {
                "description": refusals.description(same),
                "headers": refusals.headers(status, causes),
                "content": {
                    JSON: {
                        "schema": one_or_any(self.error_schema(contract, each) for each in same),
                        "examples": refusals.examples(contract, same),
                    }
                },
            }
        return found

    def refusal_classes(self) -> list[type[Exception]]:
        found = [*self.mark.refuses]
        if self.view.authentication_classes:
            found.append(exceptions.NotAuthenticated)
        for each in self.view.authentication_classes:
            found += getattr(each, "refuses", ())
        if self.request_serializer() or isinstance(self.view, Fork):
            found += refusals.OF_A_BODY
        return [*found, *refusals.OF_ANY_REQUEST]

    def sample_texts(self) -> dict[type[Exception], str]:
        """Return what a request is told that cannot be read, and one that lacks its first field."""
        serializer = self.request_serializer()
        fields = serializer().fields.items() if serializer else ()
        missing = next((f"{name}: This field is required." for name, f in fields if f.required), "")
        media = "JSON" if JSON in self.map_parsers() else "form data"
        return {
            exceptions.ValidationError: missing or "Invalid data",
            exceptions.ParseError: f"Malformed {media}",
        }

    @property
    def usual_contract(self) -> Contract:
        """The contract without what one path has differently: so it answers if it is off."""
        usual = {each.contract.name: each.contract for each in registry.registered()}
        return usual.get(self.contract.name, self.contract)

    def error_schema(self, contract: Contract, refusal: refusals.Refusal) -> dict[str, Any]:
        """Return a reference to the schema of an error body, named after what has such bodies."""
        schema = refusals.body_schema(contract, refusal.response)
        named = self.error_schema_name(schema)
        return self.register(named, schema, ResolvedComponent.SCHEMA)

    def error_schema_name(self, schema: dict[str, Any]) -> str:
        contract = self.usual_contract
        if isinstance(self.view, Fork):
            return "SharedErrorBody"
        if schema != refusals.body_schema(contract, refusal_of_bugs(contract)):
            special = names.capitalised(self.get_operation_id())
            return self.error_name if self.error_name != "ErrorBody" else f"{special}ErrorBody"
        prefix = names.capitalised(self.contract.name) if self.is_of_several else ""
        return f"{prefix}ErrorBody"

    def register(self, name: str, schema: dict[str, Any], kind: str) -> dict[str, Any]:
        """Return a reference to a component, under its name, or one with a number if it differs."""
        for number in count(1):
            named = name if number == 1 else f"{name}{number}"
            component = ResolvedComponent(name=named, type=kind, schema=schema, object=named)
            self.registry.register_on_missing(component)
            if self.registry[component].schema == schema:
                break
        reference: dict[str, Any] = component.ref
        return reference


def refusal_of_bugs(contract: Contract) -> Any:
    return contract.response_to(Exception, str)


def one_or_any(schemas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a schema, or that of a value which is of at least one of several."""
    different: list[dict[str, Any]] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    return different[0] if len(different) == 1 else {"anyOf": different}
