"""Marks of operations: the serializers that each uses, and the ways in which it ends.

A contract's viewset must name the serializers; its OpenAPI document is made from all of a mark.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])
Refusals = tuple[type[Exception], ...]


class Serialized(NamedTuple):
    """Use of a serializer: the sources that are read from a request, or the class of a response.

    ``reads`` are keys of the validated request. ``describes`` is the class of the object in a
    response: its attributes are the sources. Without both, any source may be right.
    """

    reads: frozenset[str] = frozenset()
    describes: type | None = None
    is_request: bool = False


@dataclass(frozen=True, kw_only=True)
class Uses:
    """Mark of an operation, or what several that call each other do together.

    ``refuses`` are the refusals beyond those that any request can end in, such as a malformed body;
    ``status`` is that of its success, 200 if None; ``many`` says that the response is a list.
    ``token`` says that it reads an access token itself, without an authentication class. Each of
    the response's ``headers`` and the request's ``cookies`` comes with a sentence about it.
    ``name`` and ``summary`` are for documents: without a name it is called like its path.
    """

    serializers: Mapping[str, Serialized] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    refuses: Refusals = ()
    status: int | None = None
    many: bool = False
    token: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    summary: str = ""

    def with_called(self, called: "Uses") -> "Uses":
        """Return this mark with what a method adds that the operation calls."""
        return replace(
            self,
            serializers={**self.serializers, **called.serializers},
            refuses=(*self.refuses, *called.refuses),
            status=self.status or called.status,
            many=self.many or called.many,
            headers={**self.headers, **called.headers},
        )


NOTHING = Uses()


def uses(
    *calls: str,
    refuses: Refusals = (),
    status: int | None = None,
    many: bool = False,
    token: bool = False,
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    name: str = "",
    summary: str = "",
    **serializers: set[str] | type | None,
) -> Callable[[Method], Method]:
    """Mark an operation with the attributes of its viewset that name serializers.

    Each comes with the sources that the operation reads, a set, or the class that it describes.
    ``calls`` names methods that the operation leaves its response to. An override without a mark of
    its own is held to nothing: its author knows what it needs. ``Uses`` explains the rest.
    """
    mark = Uses(
        serializers={name: _serialized(value) for name, value in serializers.items()},
        calls=calls,
        refuses=refuses,
        status=status,
        many=many,
        token=token,
        headers=headers or {},
        cookies=cookies or {},
        name=name,
        summary=summary,
    )

    def marked(method: Method) -> Method:
        method.uses = mark  # type: ignore[attr-defined]
        return method

    return marked


def serializers_of(viewset: type, operation: str) -> dict[str, Serialized]:
    """Return what an operation of ``viewset`` uses, by the name of the attribute."""
    mark: Uses = getattr(getattr(viewset, operation), "uses", NOTHING)
    found = dict(mark.serializers)
    for called in mark.calls:
        found |= serializers_of(viewset, called)
    return found


def described(viewset: type, operation: str) -> Uses:
    """Return the mark of an operation, with what the methods add that it calls.

    An override without a mark is taken to be as the operation that it overrides.
    """
    methods = (getattr(vars(cls).get(operation), "uses", None) for cls in viewset.__mro__)
    mark: Uses = next(filter(None, methods), NOTHING)
    for called in mark.calls:
        mark = mark.with_called(described(viewset, called))
    return mark


def _serialized(value: set[str] | type | None) -> Serialized:
    return (
        Serialized(reads=frozenset(value), is_request=True)
        if isinstance(value, set)
        else Serialized(describes=value)
    )
