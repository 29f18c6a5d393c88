"""A path of several contracts in a document: one operation, which answers as each of them does."""

from typing import Any

Object = dict[str, Any]


def merged(operation: Object, choices: list[Object]) -> Object:
    """Return the operation of a path as the union of what its contracts make of it."""
    found = dict(operation)
    for choice in choices:
        if body := choice.get("requestBody"):
            found["requestBody"] = _union(found.get("requestBody"), body)
        found["responses"] = _responses(found["responses"], choice["responses"])
        found["parameters"] = [*found.get("parameters", ()), *choice.get("parameters", ())]
        found.setdefault("summary", choice.get("summary"))
    found["security"] = _security(choices)
    found["responses"].pop("204", None)
    return {name: value for name, value in found.items() if value}


def _security(choices: list[Object]) -> list[Object]:
    """Return the ways to authenticate of all contracts; the last is none, if one needs none."""
    different: list[Object] = []
    for choice in choices:
        ways = choice.get("security") or [{}]
        different += [way for way in ways if way not in different]
    return [] if different == [{}] else sorted(different, key=lambda way: not way)


def _responses(one: Object, other: Object) -> Object:
    statuses = sorted({*one, *other})
    return {status: _union(one.get(status), other.get(status)) for status in statuses}


def _union(one: Object | None, other: Object | None) -> Object:
    """Return a request body or a response that is one or the other."""
    if not one or not other:
        return one or other or {}
    content = dict(one.get("content", {}))
    for media_type, described in other.get("content", {}).items():
        content[media_type] = _media_type(content.get(media_type), described)
    union = {**other, **one, "content": content}
    if "headers" in union:
        union["headers"] = _headers(one["headers"], other["headers"])
    if "description" in union:
        union["description"] = _joined(one["description"], other["description"])
    return union


def _media_type(one: Object | None, other: Object) -> Object:
    if one is None:
        return other
    schemas = [*_alternatives(one["schema"])]
    schemas += [each for each in _alternatives(other["schema"]) if each not in schemas]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    examples = {**one.get("examples", {})}
    for name, example in other.get("examples", {}).items():
        if example not in examples.values():
            examples[name if name not in examples else f"{name}{len(examples)}"] = example
    return {"schema": schema, **({"examples": examples} if examples else {})}


def _alternatives(schema: Object) -> list[Object]:
    alternatives: list[Object] = schema.get("anyOf", [schema])
    return alternatives


def _headers(one: Object, other: Object) -> Object:
    """Return the headers of both; required are those that both require."""
    found = {}
    for name, header in {**other, **one}.items():
        both = name in one and name in other
        required = both and one[name].get("required") and other[name].get("required")
        kept = {key: value for key, value in header.items() if key != "required"}
        found[name] = kept | ({"required": True} if required else {})
    return found


def _joined(one: str, other: str) -> str:
    return " / ".join(dict.fromkeys([*one.split(" / "), *other.split(" / ")]))
