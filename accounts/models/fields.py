"""Columns of models that migrations have to know less about than the models do."""

from typing import Any

from django.db import models


class KindField(models.CharField):  # type: ignore[type-arg]
    """A column for one of the members of an enumeration. Migrations know it without its choices, so that another needs none."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        kwargs.pop("choices", None)
        return name, "django.db.models.CharField", args, kwargs
