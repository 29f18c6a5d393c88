"""Parts that operations have in common: in a document they stand once, and are referred to."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from authsvc.openapi.names import capitalised

Object = dict[str, Any]


def share(document: Object, *, prefixed: bool) -> None:
    """Move headers, and responses to refusals, from the operations to the components.

    ``prefixed`` puts the contract before the name of a response: the document has several.
    """
    for operation, responses in _responses(document):
        contracts = operation.get("x-contracts", [])
        prefix = capitalised(contracts[0]) if prefixed and len(contracts) == 1 else ""
        for status, response in responses.items():
            headers = response["headers"]
            response["headers"] = {
                name: _moved(document, "headers", name, headers[name]) for name in headers
            }
            if int(status) >= 400:
                name = f"{prefix}{capitalised(HTTPStatus(int(status)).phrase)}"
                responses[status] = _moved(document, "responses", name, response)


def _responses(document: Object) -> Iterator[tuple[Object, Object]]:
    for path in document["paths"].values():
        for operation in path.values():
            yield operation, operation["responses"]


def _moved(document: Object, kind: str, name: str, part: Object) -> Object:
    """Return a reference to ``part``, under its name, or one with a number where it differs."""
    components: Object = document["components"].setdefault(kind, {})
    number = 1
    named = name
    while components.setdefault(named, part) != part:
        number += 1
        named = f"{name}{number}"
    return {"$ref": f"#/components/{kind}/{named}"}
