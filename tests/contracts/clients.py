"""The clients of every contract that the registry has, for tests of what holds in all of them."""

from dataclasses import replace
from importlib import import_module

from authsvc.contracts.registry import Registered, registered
from tests.contracts.client import ContractClient

DAY = 86_400


def client_of(contract: Registered) -> ContractClient:
    """Return the object ``client`` of the contract's test file, which is named after its module."""
    package, _, module = contract.urls.__module__.rpartition(".")
    package = "tests.contracts" if package == "authsvc.contracts" else package
    client: ContractClient = import_module(f"{package}.test_{module}").client
    return client


DOCUMENTED = [client_of(contract) for contract in registered()]
ALONE = [replace(client, prefix=f"/c/{client.name}") for client in DOCUMENTED]
CLIENTS = [*DOCUMENTED, *ALONE]
REFRESHING = [client for client in CLIENTS if client.refreshes]
BY_NAME = {client.name: client for client in DOCUMENTED}
