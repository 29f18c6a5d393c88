"""Names in a document: of its operations, and of its schemas, from which clients are generated."""

import re
from typing import Any

from accounts.api.operations import Uses
from accounts.api.viewsets import ContractViewSet
from authsvc.contracts import registry


def capitalised(name: str) -> str:
    """Return ``revoke_leaked_key`` as ``RevokeLeakedKey``."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name))


def operation_name(view: ContractViewSet, mark: Uses, path: str) -> str:
    """Return the name of an operation below its mount: its mark's, or that of its path."""
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    of_path = re.sub(r"\W+", "_", "_".join(parts))
    # A route with GET gets HEAD at its first request.
    several = len(set((getattr(view, "action_map", None) or {}).values())) > 1
    return mark.name or (f"{view.action}_{of_path}" if several else of_path)


def below_mount(path: str, mount: str) -> str:
    return path.strip("/").removeprefix(mount).strip("/")


def serializer_prefix(serializer: Any) -> str:
    """Return the contract of a serializer, where several are in one document."""
    module = type(serializer).__module__
    contracts = {each.urls.__module__: each.contract.name for each in registry.registered()}
    own_name = module.rpartition(".")[2].removesuffix("_paths")
    return capitalised(contracts.get(module, own_name))
