"""Examples of requests and responses, as the documents of the contracts print them.

They are in a file beside the module of each contract: ``examples/<contract>.json``. A contract
without one has no examples.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from accounts.api.viewsets import ContractViewSet
from authsvc.contracts import registry


def of_operation(view: ContractViewSet, operation: str) -> dict[str, Any]:
    """Return the examples of an operation, such as ``POST login``: a request, and by status."""
    name = view.contract.name
    modules = {each.contract.name: each.urls.__module__ for each in registry.registered()}
    found: dict[str, Any] = _read(modules.get(name, type(view).__module__), name).get(operation, {})
    return found


def as_media_type(value: Any) -> dict[str, Any]:
    """Return a value as the named examples of a request or a response."""
    return {"document": {"summary": "As the document prints it", "value": value}}


@cache
def _read(module: str, name: str) -> dict[str, Any]:
    source = getattr(sys.modules.get(module), "__file__", None)
    file = Path(source or "").with_name("examples") / f"{name}.json" if source else None
    if file is None or not file.is_file():
        return {}
    read: dict[str, Any] = json.loads(file.read_text())
    return read
