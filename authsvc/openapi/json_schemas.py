"""JSON Schemas of values: of a constant, and of what several values have in common."""

from typing import Any

TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    list: "array",
}


def constant(value: Any) -> dict[str, Any]:
    """Return the schema of one value.

    A boolean is one that is not the other: openapi-generator makes strings of the values of a
    constant, and its Python clients then refuse every boolean.
    """
    if isinstance(value, bool):
        return {"type": "boolean", "not": {"const": not value}}
    return {**_type_of([value]), "const": value}


def inferred(values: list[Any]) -> dict[str, Any]:
    """Return the schema of values: one that is the same in all is a constant."""
    if all(isinstance(each, dict) for each in values):
        keys = [key for key in values[0] if all(key in each for each in values)]
        properties = {key: inferred([each[key] for each in values]) for key in keys}
        return {"type": "object", "properties": properties, "required": keys}
    if all(isinstance(each, list) for each in values):
        items = [item for each in values for item in each]
        return {"type": "array", **({"items": inferred(items)} if items else {})}
    if all(each == values[0] for each in values):
        return constant(values[0])
    return _type_of(values)


def _type_of(values: list[Any]) -> dict[str, Any]:
    names = list(dict.fromkeys(TYPES.get(type(each), "object") for each in values))
    return {"type": names[0] if len(names) == 1 else names}
