"""Fields that the shapes of several contracts are made of."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.timezone import now
from rest_framework import serializers


class Shape(serializers.Serializer[Any]):
    """A request or an answer, its fields as its document prints them. Optional ones may be left out, null or empty."""

    def to_internal_value(self, data: Any) -> Any:
        if self._optional and isinstance(data, dict):
            data = {
                name: value
                for name, value in data.items()
                if value not in self._optional.get(name, ())
            }
        return super().to_internal_value(data)

    @cached_property
    def _optional(self) -> dict[str, tuple[Any, ...]]:
        """The optional fields, each with the values that say nothing."""
        optional = {name: field for name, field in self.fields.items() if not field.required}
        return {
            name: (None, "", []) if isinstance(field, serializers.ListField) else (None, "")
            for name, field in optional.items()
        }

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """As DRF does it for plain fields, planned once for each shape."""
        return {
            name: absent if (value := get(instance)) is None else put(value)
            for name, get, put, absent in self._plan
        }

    @cached_property
    def _plan(self) -> list[tuple[str, Any, Any, str | None]]:
        return [
            (str(field.field_name), _getter(field), field.to_representation, _absent(field))
            for field in self._readable_fields
        ]


def _getter(field: Any) -> Callable[[Any], Any]:
    if len(field.source_attrs) != 1:
        return field.get_attribute  # type: ignore[no-any-return]
    (name,) = field.source_attrs
    return lambda instance: (
        instance[name] if isinstance(instance, dict) else getattr(instance, name)
    )


def _absent(field: Any) -> str | None:
    """What stands for nothing: in a string an empty one, so that no client meets another type."""
    return "" if isinstance(field, Out) else None


class Text(serializers.CharField):
    """A JSON string, or a form field: no number or boolean is taken for one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 1024, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Password(Text):
    """Taken as it is: no space trimmed, no letter normalised."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})


class TokenText(Text):
    """A token on its way in, of any length that a body can have: what it is worth is for the core to say."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": None, **options})

    def run_validators(self, value: Any) -> None:
        """Plain ASCII, as every token of ours is, needs no look at each of its characters."""
        if not value.isascii() or "\0" in value:
            super().run_validators(value)


class Moment(serializers.DateTimeField):
    """A moment to come, in ISO 8601 with its offset from UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"input_formats": ["iso-8601"], **options})

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        moment = super().to_internal_value(value)
        if moment <= now():
            raise serializers.ValidationError("This moment has passed.")
        return moment


class Overlap(serializers.IntegerField):
    """A number of seconds, up to thirty days."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": 30 * 86_400, **options})

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        seconds = super().run_validation(data)
        return seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)


class Says(serializers.ReadOnlyField):
    """A response field that always says the same."""

    def __init__(self, value: Any) -> None:
        super().__init__(source="*")
        self.value = value

    def to_representation(self, value: Any) -> Any:
        return self.value


class Out(serializers.CharField):
    """A string in a response: empty, never null, where there is none."""


class Timestamp(serializers.ReadOnlyField):
    """A moment in UTC to the second, as the documents print it: ``2024-01-01T00:00:00Z``; null where there was none."""

    def to_representation(self, value: datetime | None) -> str | None:
        return (
            f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
            if value
            else None
        )
