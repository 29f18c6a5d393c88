"""Checks of a contract's paths at start: their operations, and the serializers that those use.

Each mistake would otherwise be a 404, 405 or 500 at the first request that meets it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeGuard

from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver
from django.views import View
from rest_framework.fields import Field, empty
from rest_framework.serializers import BaseSerializer, Serializer

from accounts.api.contract import Contract
from accounts.api.operations import Serialized, serializers_of
from accounts.api.viewsets import ContractViewSet, instance_of
from authsvc.contracts import fields
from authsvc.contracts.contract_checks import check_first, refuse, wording_problems
from authsvc.contracts.error_places import describe

READING = ("validate", "to_internal_value", "run_validation")
WRITING = ("to_representation",)


def own_urls(contract: Contract, urls: Callable[[Contract], list[URLPattern]]) -> list[URLPattern]:
    """Return the paths of a contract; stop the start where one of them could not be served."""
    patterns = _called(contract, urls)
    if not _are_paths(patterns):
        refuse(contract, f"urls must return a list of paths, as route does, and not {patterns!r}")
    for pattern in patterns:
        check_first(contract, _problems(contract, pattern))
    return patterns


def _are_paths(returned: Any) -> TypeGuard[list[URLPattern]]:
    return (
        isinstance(returned, list)
        and bool(returned)
        and all(isinstance(each, URLPattern | URLResolver) for each in returned)
    )


def _called(contract: Contract, urls: Callable[[Contract], list[URLPattern]]) -> Any:
    """Return what ``urls`` returns, as a list if it can be one."""
    try:
        returned: Any = urls(contract)
        return list(returned) if isinstance(returned, Iterable) else returned
    except ImproperlyConfigured:
        raise
    except Exception as error:
        code = getattr(urls, "__code__", None)
        place = (code.co_filename, code.co_firstlineno) if code else ("", 0)
        refuse(contract, f"urls fails: {describe(error, *place)}", error)


def _problems(contract: Contract, pattern: URLPattern) -> Iterator[str]:
    path, view = str(pattern.pattern), getattr(pattern, "callback", None)
    if path.startswith("/"):
        yield f"its path {path} must not begin with a slash"
    viewset = getattr(view, "cls", None)
    if isinstance(viewset, type) and issubclass(viewset, ContractViewSet):
        for problem in _view_problems(contract, view, viewset):
            yield f"at its path {path}, {problem}"


def _view_problems(contract: Contract, view: Any, viewset: type[ContractViewSet]) -> Iterator[str]:
    wording = view.initkwargs.get("contract")
    if not isinstance(wording, Contract):
        yield f"contract must be a Contract, and is {wording!r}"
    elif wording is not contract:
        yield from wording_problems(wording)
    for verb, operation in view.actions.items():
        if verb not in View.http_method_names:
            yield f"{verb!r} is no HTTP method in small letters"
        if not callable(getattr(viewset, str(operation), None)):
            yield f"{viewset.__name__} has no operation {operation!r}"
        else:
            yield from _operation_problems(wording, view, operation)


def _operation_problems(contract: Contract, view: Any, operation: str) -> Iterator[str]:
    for name, used in serializers_of(view.cls, operation).items():
        serializer = view.initkwargs.get(name, getattr(view.cls, name, None))
        where = f"{view.cls.__name__}.{name}"
        if not isinstance(serializer, type) or not issubclass(serializer, BaseSerializer):
            yield f"{where}, which {operation} uses, must be a serializer class"
        elif issubclass(serializer, Serializer):
            rotates = contract.may_rotate and name == "refresh_response"
            for problem in _serializer_problems(serializer, used, rotates):
                yield f"{where}, {serializer.__name__}, {problem}"


def _serializer_problems(
    serializer: type[Serializer[Any]], used: Serialized, rotates: bool
) -> Iterator[str]:
    try:
        sources = list(_sources(instance_of(serializer)))
    except Exception as error:
        yield f"cannot be used: {describe(error)}"
        return
    if _is_plain(serializer, READING):
        yield from _request_problems(sources, used.reads)
    if _is_plain(serializer, WRITING):
        yield from _response_problems(sources, used.describes)
        if rotates and "refresh" not in dict(sources):
            yield "must have a field with source refresh, since the contract says may_rotate"


def _sources(serializer: Serializer[Any]) -> Iterator[tuple[str, Field[Any, Any, Any, Any]]]:
    """Return the fields of a serializer by their sources, with those of parts of the same."""
    for field in serializer.fields.values():
        if field.source != "*":
            yield str(field.source).partition(".")[0], field
        elif isinstance(field, Serializer):
            yield from _sources(field)


def _is_plain(serializer: type[Serializer[Any]], methods: tuple[str, ...]) -> bool:
    """Return whether the methods are ours or DRF's: one of a contract can add or drop sources."""
    return all(
        getattr(serializer, name) in (getattr(fields.Serializer, name), getattr(Serializer, name))
        for name in methods
    )


def _request_problems(
    sources: list[tuple[str, Field[Any, Any, Any, Any]]], reads: Iterable[str]
) -> Iterator[str]:
    given = {source for source, field in sources if field.required or field.default is not empty}
    for source in sorted(set(reads) - given):
        yield f"must have a required field with source {source}"


def _response_problems(
    sources: list[tuple[str, Field[Any, Any, Any, Any]]], cls: type | None
) -> Iterator[str]:
    for source, field in sources:
        if cls and field.required and not field.allow_null and source not in _attributes(cls):
            yield f"has the source {source}, which {cls.__name__} does not have"


def _attributes(cls: type) -> set[str]:
    return {*dir(cls), *getattr(cls, "__annotations__", {})}
