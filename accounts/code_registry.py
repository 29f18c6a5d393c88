"""Registries of codes: each app adds its own when it starts, and a new code needs no migration."""

from django.db.models import TextChoices


class CodeRegistry:
    """The codes of one column, with their labels; ``noun`` names them in an error."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.labels: dict[str, str] = {}

    def add(self, codes: type[TextChoices]) -> None:
        """Add the codes of an app. ``ValueError`` for a code that another app has."""
        if taken := self.labels.keys() & set(codes.values):
            raise ValueError(f"{self.noun} registered twice: {', '.join(sorted(taken))}")
        self.labels.update({str(code): str(label) for code, label in codes.choices})

    def choices(self) -> list[tuple[str, str]]:
        """Return all codes with their labels, as a field of a model or a form takes them."""
        return list(self.labels.items())
