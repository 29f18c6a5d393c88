"""Schemas of our serializers' fields, for drf-spectacular, which finds these classes by itself."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema

from authsvc.contracts import fields
from authsvc.openapi.json_schemas import constant


class ConstantFieldSchema(OpenApiSerializerFieldExtension):
    target_class = fields.ConstantField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        return constant(self.target.value)


class TimestampFieldSchema(OpenApiSerializerFieldExtension):
    target_class = fields.TimestampField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class SerializerSchema(OpenApiSerializerExtension):
    target_class = fields.Serializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        """Return the schema of a request or a response.

        The optional fields of a request may be null or empty; every field is in a response.
        """
        schema: dict[str, Any] = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        for name, property_schema in schema.get("properties", {}).items():
            property_schema.pop("readOnly", None)
            for part in (property_schema, property_schema.get("items", {})):
                part.pop("x-spec-enum-id", None)  # drf-spectacular's own
            if direction == "request" and name not in schema.get("required", ()):
                _let_be_empty(property_schema)
        if direction == "response" and schema.get("properties"):
            schema["required"] = list(schema["properties"])
        return schema


def _let_be_empty(schema: dict[str, Any]) -> None:
    schema.pop("minLength", None)
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
