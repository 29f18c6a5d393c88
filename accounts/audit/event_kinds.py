"""Registry of the kinds of audit events: each code with its label.

``accounts`` registers ``AuditEvent.Kind``; other apps add kinds of their own when they start.
A new kind needs no migration.
"""

from collections.abc import Iterable

from django.db.models import TextChoices

labels: dict[str, str] = {}
_naming_things: set[str] = set()


def register(kinds: type[TextChoices], *, naming_things: Iterable[str] = ()) -> None:
    """Add the kinds of an app. ``ValueError`` for a code that another app has.

    ``naming_things`` are those with the name of a thing in their column ``name``, such as a key's
    or a file's. Every other kind has the identifier of a user there.
    """
    if taken := labels.keys() & set(kinds.values):
        raise ValueError(f"kinds of audit events registered twice: {', '.join(sorted(taken))}")
    labels.update({str(code): str(label) for code, label in kinds.choices})
    _naming_things.update(map(str, naming_things))


def choices() -> list[tuple[str, str]]:
    """Return all kinds with their labels, as a field of a model or a form takes them."""
    return list(labels.items())


def names_a_thing(kind: str) -> bool:
    """Return whether the column ``name`` of this kind is not the identifier of a user."""
    return kind in _naming_things
