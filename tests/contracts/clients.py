"""The five contracts as their clients know them: what differs between them, in one place."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import URLPattern

from accounts.api.contract import Contract
from authsvc.contracts import registry
from tests.conftest import PASSWORD, Caller

DAY = 86_400


@dataclass(frozen=True)
class Door:
    """One contract as its client knows it: where it is mounted, and how it puts things."""

    name: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{self.prefix}/{self.name}".strip("/")

    @property
    def registered(self) -> registry.Registered:
        return next(each for each in registry.registered() if each.contract.name == self.name)

    @property
    def contract(self) -> Contract:
        return self.registered.contract

    def urls(self, contract: Contract) -> list[URLPattern]:
        return self.registered.urls(contract)

    @property
    def shared(self) -> bool:
        return not self.prefix and self.name in ("bearer", "camel", "form")

    def path(self, end: str) -> str:
        mount = {"challenge": "/v1", "envelope": "/api/auth"}.get(self.name, "/api/v1/auth")
        return f"{self.prefix}{mount}/{end}"

    def log_in(
        self,
        caller: Caller,
        username: str = "alice",
        password: str = PASSWORD,
        *,
        end: str = "login",
        **more: str,
    ) -> Any:
        fields = {"username": username, "password": password, **more}
        if self.name == "form":
            return caller.form(self.path(end), urlencode(fields))
        return caller.json(self.path(end), fields)

    def send(self, caller: Caller, body: bytes) -> Any:
        """Something to the login, labelled as this contract's clients label it."""
        kind = "application/x-www-form-urlencoded" if self.name == "form" else "application/json"
        return caller.http.post(self.path("login"), body, content_type=kind)

    def tokens(self, caller: Caller, username: str = "alice") -> tuple[str, str]:
        """The access token and, where there is one, the refresh token of a new session."""
        body = self.log_in(caller, username).json()
        match self.name:
            case "form":
                return body["access_token"]["token"], body["refresh_token"]["token"]
            case "camel":
                return body["token"], body["refreshToken"]
            case "envelope":
                return body["token"], ""
        return body["access_token"], body["refresh_token"]

    def refresh(self, caller: Caller, access: str, refresh: str, *, end: str = "") -> Any:
        match self.name:
            case "bearer":
                return caller.json(self.path(end or "refresh"), {"refresh_token": refresh})
            case "camel":
                return caller.json(self.path(end or "refresh"), {"refreshToken": refresh})
            case "form":
                return caller.json(self.path(end or "refresh"), {"token": refresh}, access)
        return caller.json(
            self.path(end or "token-refresh"), {"username": "alice", "refresh_token": refresh}
        )

    def refusal(self, status: int, text: str) -> dict[str, Any]:
        """The body of a refusal, in this contract's shape."""
        if self.shared:
            return {"detail": text, "error": text}
        shapes: dict[str, dict[str, Any]] = {
            "camel": {"error": text},
            "challenge": {"message": text, "status": status},
            "envelope": {"success": False, "message": text},
        }
        return shapes.get(self.name, {"detail": text})


NAMES = ("bearer", "camel", "form", "challenge", "envelope")
ALONE = [Door(name, f"/c/{name}") for name in NAMES]
DOORS = [*(Door(name) for name in NAMES), *ALONE]
REFRESHING = [door for door in DOORS if door.name != "envelope"]
