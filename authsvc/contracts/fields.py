"""Serializer and fields of the requests and responses of contracts."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.timezone import now
from rest_framework import serializers


class Serializer(serializers.Serializer[Any]):
    """A request or a response, its fields as its document prints them.

    Optional fields of a request may be left out, null or empty.
    """

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
        """The optional fields by name, each with the values that count as left out."""
        optional = {name: field for name, field in self.fields.items() if not field.required}
        return {
            name: (None, "", []) if isinstance(field, serializers.ListField) else (None, "")
            for name, field in optional.items()
        }


class TextField(serializers.CharField):
    """A string in a request, of JSON or a form; a number or a boolean is refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 1024, **options})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PasswordField(TextField):
    """A password, taken byte for byte: no space is trimmed, no letter normalised."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **options})


class TokenField(TextField):
    """A token in a request, of any length that fits a body; the core decides whether it is good."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": None, **options})

    def run_validators(self, value: Any) -> None:
        """Skip the validators for plain ASCII, as our tokens are: they look at each character."""
        if not value.isascii() or "\0" in value:
            super().run_validators(value)


class FutureTimeField(serializers.DateTimeField):
    """A time to come, in ISO 8601 with its offset from UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"input_formats": ["iso-8601"], **options})

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        time = super().to_internal_value(value)
        if time <= now():
            raise serializers.ValidationError("This moment has passed.")
        return time


class SecondsField(serializers.IntegerField):
    """A whole number of seconds, up to thirty days, read as a ``timedelta``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": 30 * 86_400, **options})

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)

    def to_representation(self, value: timedelta) -> int:  # type: ignore[override]
        return int(value.total_seconds())

    def run_validation(self, data: Any = serializers.empty) -> Any:
        seconds = super().run_validation(data)
        return seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)


class ConstantField(serializers.ReadOnlyField):
    """A response field whose value is always the same."""

    def __init__(self, value: Any) -> None:
        super().__init__(source="*")
        self.value = value

    def to_representation(self, value: Any) -> Any:
        return self.value


class OutputField(serializers.CharField):
    """A string in a response: empty, and never null, where there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_blank": True, **options})

    def get_attribute(self, instance: Any) -> Any:
        value = super().get_attribute(instance)
        return "" if value is None else value


class TimestampField(serializers.ReadOnlyField):
    """A time in UTC to the second, as in ``2024-01-01T00:00:00Z``; null where there is none."""

    def to_representation(self, value: datetime) -> str:
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
