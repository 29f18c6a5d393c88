"""A program with the generated Python clients: each logs in, refreshes, calls and logs out.

    python use.py <URL> <user name> <password>

The packages ``bearer_client`` and so on are in the working folder.
"""

import sys
from importlib import import_module
from typing import Any

URL, USERNAME, PASSWORD = sys.argv[1:]
sys.path.insert(0, ".")


class Contract:
    """The generated package of a contract, and its API with a configuration."""

    def __init__(self, name: str) -> None:
        self.package = import_module(f"{name}_client")
        self.configuration = self.package.Configuration(host=f"{URL}/c/{name}")
        client = self.package.ApiClient(self.configuration)
        self.api = getattr(self.package, f"{name.title()}Api")(client)

    def log_in(self) -> Any:
        return self.api.login(self.package.LoginRequest(username=USERNAME, password=PASSWORD))

    def refresh(self, **fields: str) -> Any:
        return self.api.refresh(self.package.RefreshRequest(**fields))

    def use(self, token: str) -> None:
        self.configuration.access_token = token

    def assert_refused(self, operation: Any, *arguments: Any) -> None:
        try:
            operation(*arguments)
        except self.package.exceptions.UnauthorizedException:
            return
        raise AssertionError(f"{operation} was not refused")


def bearer() -> None:
    contract = Contract("bearer")
    login = contract.log_in()
    assert login.user.username == USERNAME
    contract.use(contract.refresh(refresh_token=login.refresh_token).access_token)
    assert contract.api.logout().message == "Successfully logged out"
    contract.assert_refused(contract.api.logout)


def camel() -> None:
    contract = Contract("camel")
    login = contract.log_in()
    contract.use(contract.refresh(refreshToken=login.refresh_token).token)
    made = contract.api.create_key(contract.package.KeyRequest(name="Generated"))
    assert made.api_key.startswith("sk_live_")
    assert made.key_id in [key.key_id for key in contract.api.list_keys()]
    contract.api.delete_key(made.key_id)
    contract.api.logout()
    contract.assert_refused(contract.api.list_keys)


def form() -> None:
    contract = Contract("form")
    login = contract.api.login(username=USERNAME, password=PASSWORD)
    contract.use(login.access_token.token)
    refreshed = contract.refresh(token=login.refresh_token.token)
    assert refreshed.refresh_token.token != login.refresh_token.token
    contract.use(refreshed.access_token.token)
    assert contract.api.me().username == USERNAME
    contract.api.logout()
    contract.assert_refused(contract.api.me)


def challenge() -> None:
    contract = Contract("challenge")
    login = contract.log_in().actual_instance
    asked = contract.package.RefreshRequest(username=USERNAME, refresh_token=login.refresh_token)
    assert contract.api.token_refresh(asked).access_token
    revoked = contract.package.RevokeRequest(refresh_token=login.refresh_token)
    assert contract.api.token_revoke(revoked).status == 200
    contract.assert_refused(contract.api.token_refresh, asked)


def envelope() -> None:
    contract = Contract("envelope")
    contract.use(contract.log_in().token)
    assert contract.api.validate().user.username == USERNAME
    contract.api.logout()
    contract.assert_refused(contract.api.validate)


for use in (bearer, camel, form, challenge, envelope):
    use()
    print(use.__name__)
