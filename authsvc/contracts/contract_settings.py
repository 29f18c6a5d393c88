"""Settings of contracts: variables of the environment that one contract reads."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.conf import settings

from accounts.policy import Policy
from authsvc.environment import duration, flag

DECLARED: dict[str, "Setting"] = {}


class Setting:
    """A variable of the environment that belongs to one contract, named ``<CONTRACT>_…``.

    ``read`` is a function of authsvc/environment.py. It is called when the contract is loaded, so
    that a wrong value stops the start with ``ImproperlyConfigured``.
    """

    def __init__(self, name: str, read: Callable[[str, Any], Any], default: Any = None) -> None:
        self.name, self.default, self._read = name, default, read
        self._given = self.read()
        DECLARED[name] = self

    def read(self) -> Any:
        """Return what the environment says now, else the default."""
        return self._read(self.name, self.default)

    @property
    def value(self) -> Any:
        """The value in Django's settings where a test has set one, else the environment's."""
        return getattr(settings, self.name, self._given)


def unknown(environment: Iterable[str], contracts: Iterable[str]) -> list[str]:
    """Return the variables that begin like those of a contract, and that nothing reads."""
    prefixes = tuple(f"{name.upper()}_" for name in contracts)
    return sorted(
        name
        for name in environment
        if name.startswith(prefixes) and not _is_read(name.removesuffix("_FILE"))
    )


def _is_read(name: str) -> bool:
    """Return whether a contract or the service reads a variable of this name."""
    return name in DECLARED or hasattr(settings, name)


def from_settings(policy: Policy) -> Policy:
    """Return ``policy`` with the lifetimes and the rotation that the environment sets.

    A contract without refresh tokens has only a lifetime of access tokens to set, and only one
    whose sessions are prolonged by rotation a maximum for them.
    """
    prefix = policy.name.upper()
    own = {"access": Setting(f"{prefix}_ACCESS_LIFETIME", duration)}
    if policy.refresh:
        own["refresh"] = Setting(f"{prefix}_REFRESH_LIFETIME", duration)
        own["rotates"] = Setting(f"{prefix}_ROTATE_REFRESH_TOKENS", flag)
    if policy.session_maximum:
        own["session_maximum"] = Setting(f"{prefix}_SESSION_MAXIMUM", duration)
    given = {field: setting.value for field, setting in own.items()}
    return replace(policy, **{field: value for field, value in given.items() if value is not None})
