"""Registry of the kinds of audit events.

``accounts`` registers ``AuditEvent.Kind``; other apps add kinds of their own when they start.
"""

from collections.abc import Iterable

from django.db.models import TextChoices

from accounts.code_registry import CodeRegistry

_registry = CodeRegistry("kinds of audit events")
labels, choices = _registry.labels, _registry.choices
_naming_things: set[str] = set()


def register(kinds: type[TextChoices], *, naming_things: Iterable[str] = ()) -> None:
    """Add the kinds of an app. ``ValueError`` for a code that another app has.

    ``naming_things`` are those with the name of a thing in their column ``name``, such as a key's
    or a file's. Every other kind has the identifier of a user there.
    """
    _registry.add(kinds)
    _naming_things.update(map(str, naming_things))


def names_a_thing(kind: str) -> bool:
    """Return whether the column ``name`` of this kind is not the identifier of a user."""
    return kind in _naming_things
