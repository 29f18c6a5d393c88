"""Fields of models."""

from typing import Any

from django.db import models


class CodeField(models.CharField):  # type: ignore[type-arg]
    """A code from a registry. Migrations do not know its choices, so a new one needs none."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        kwargs.pop("choices", None)
        return name, "django.db.models.CharField", args, kwargs
