"""ContractClient: a contract as a client program knows it, for the suites that run on each.

Each contract has a subclass in its own test file, ``tests/contracts/test_<module>.py`` for ours and
``test_<module>.py`` beside the module for one from elsewhere, with an instance named ``client``.
docs/contract-tests.md says how to write one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from tests.conftest import PASSWORD, Caller

SHARED_MOUNT = "/api/v1/auth"
SHARED_ENDS = ("login", "refresh", "logout")  # the paths there that three contracts have in common

ErrorCheck = Callable[[dict[str, Any], int], bool]


class Operation(NamedTuple):
    """One documented path of a contract, relative to its mount, and a well-formed request.

    ``form`` and ``json`` say which bodies it reads; ``is_error`` checks its errors where they are
    not the contract's own; ``open`` that a logout answers 200 without a token, too. ``method`` is
    that of a login, refresh or logout; ``gets`` are asked by GET.
    """

    end: str
    good: dict[str, str] = {}
    form: bool = False
    json: bool = True
    is_error: ErrorCheck | None = None
    open: bool = False
    method: str = "POST"


class Forgot(NamedTuple):
    """The operation that mails a reset: the body's ``field`` has the address, or else the path."""

    end: str
    field: str = ""


@dataclass(frozen=True)
class ContractClient(ABC):
    """One contract at its documented paths, or alone below the prefix ``/c/<name>``."""

    prefix: str = ""

    name: ClassVar[str]
    mount: ClassVar[str]
    session_lifetime: ClassVar[timedelta]
    logins: ClassVar[tuple[Operation, ...]]
    refreshes: ClassVar[tuple[Operation, ...]] = ()  # also other operations that read such a token
    logouts: ClassVar[tuple[Operation, ...]] = ()
    gets: ClassVar[tuple[Operation, ...]] = ()  # those that describe the user of a token
    forgot: ClassVar[Forgot | None] = None
    invalid_status: ClassVar[int] = 400  # of a request that lacks a field or is malformed
    accepts_refresh_from: ClassVar[frozenset[str]] = frozenset()
    login_cookies: ClassVar[frozenset[str]] = frozenset()
    issues_challenges: ClassVar[bool] = False  # where a password must be changed; else 403 and mail

    # What each contract says in its own way

    def login_fields(self, username: str, password: str) -> dict[str, str]:
        return {"username": username, "password": password}

    @abstractmethod
    def tokens_in(self, body: dict[str, Any]) -> tuple[str, str]:
        """Return the access token and the refresh token, or "", of the response to a login."""

    def refresh_fields(self, refresh: str) -> dict[str, str]:
        """Return the body of a refresh; a contract without refreshes has none."""
        return {}

    @abstractmethod
    def error(self, status: int, text: str) -> dict[str, Any]:
        """Return the body of an error response."""

    # What follows from it

    def __str__(self) -> str:
        return f"{self.prefix}/{self.name}".strip("/")

    @property
    def takes_forms_only(self) -> bool:
        return not self.logins[0].json

    @property
    def shared(self) -> bool:
        """Whether its login, refresh and logout are paths of other contracts, too."""
        return not self.prefix and self.mount == SHARED_MOUNT

    @property
    def opens(self) -> str:
        """The contract of a session that a login opens: of two that share it, the first."""
        return self.name if self.takes_forms_only else self.opens_by_json

    @property
    def opens_by_json(self) -> str:
        return "bearer" if self.shared else self.name

    @property
    def login_path(self) -> str:
        return self.path(self.logins[0].end)

    def path(self, end: str) -> str:
        return f"{self.prefix}{self.mount}/{end}"

    def log_in(
        self,
        caller: Caller,
        username: str = "alice",
        password: str = PASSWORD,
        *,
        end: str = "",
        **more: str,
    ) -> Any:
        path, method = self.path(end or self.logins[0].end), self.logins[0].method
        fields = {**self.login_fields(username, password), **more}
        return (
            caller.form(path, urlencode(fields), method=method)
            if self.takes_forms_only
            else caller.json(path, fields, method=method)
        )

    def send(self, caller: Caller, body: bytes) -> Any:
        """Send a body to the login, labelled as the clients of this contract label theirs."""
        kind = "x-www-form-urlencoded" if self.takes_forms_only else "json"
        method = self.logins[0].method
        return caller.http.generic(method, self.login_path, body, f"application/{kind}")

    def tokens(self, caller: Caller, username: str = "alice") -> tuple[str, str]:
        """Return the access token and the refresh token, or "", of a new session."""
        return self.tokens_in(self.log_in(caller, username).json())

    def refresh(self, caller: Caller, access: str, refresh: str, *, end: str = "") -> Any:
        path = self.path(end or self.refreshes[0].end)
        fields, method = self.refresh_fields(refresh), self.refreshes[0].method
        return caller.json(path, fields, method=method)

    def log_out(self, caller: Caller, access: str) -> Any:
        path, method = self.path(self.logouts[0].end), self.logouts[0].method
        return caller.json(path, token=access, method=method)

    def refusal(self, status: int, text: str) -> dict[str, Any]:
        """Return the body of an error on a path that may be shared, which says it for all."""
        return {"detail": text, "error": text} if self.shared else self.error(status, text)
