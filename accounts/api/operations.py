"""Marks of operations: the serializers that each uses, which a contract's viewset must name."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


class Serialized(NamedTuple):
    """Use of a serializer: the sources that are read from a request, or the class of a response.

    ``reads`` are keys of the validated request. ``describes`` is the class of the object in a
    response: its attributes are the sources. Without both, any source may be right.
    """

    reads: frozenset[str] = frozenset()
    describes: type | None = None


class Uses(NamedTuple):
    serializers: dict[str, Serialized]
    calls: str


def uses(calls: str = "", **serializers: set[str] | type | None) -> Callable[[Method], Method]:
    """Mark an operation with the attributes of its viewset that name serializers.

    Each comes with the sources that the operation reads, or the class that it describes. ``calls``
    names a method that the operation leaves its response to. An override without a mark of its own
    uses nothing: its author knows what it needs.
    """

    def mark(method: Method) -> Method:
        used = {name: _serialized(value) for name, value in serializers.items()}
        method.uses = Uses(used, calls)  # type: ignore[attr-defined]
        return method

    return mark


def serializers_of(viewset: type, operation: str) -> dict[str, Serialized]:
    """Return what an operation of ``viewset`` uses, by the name of the attribute."""
    marked: Uses = getattr(getattr(viewset, operation), "uses", Uses({}, ""))
    called = serializers_of(viewset, marked.calls) if marked.calls else {}
    return marked.serializers | called


def _serialized(value: set[str] | type | None) -> Serialized:
    return (
        Serialized(reads=frozenset(value))
        if isinstance(value, set)
        else Serialized(describes=value)
    )
