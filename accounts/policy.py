"""Policy of a contract: how long its tokens live, and whether its refresh tokens rotate."""

from dataclasses import dataclass
from datetime import datetime, timedelta

YEAR = timedelta(days=365)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Lifetimes and rotation of the tokens that one contract gives out.

    ``refresh`` is None where no refresh token is given out. ``session_maximum`` lets each rotation
    prolong a session, up to that long after login; without it a session ends with its first refresh
    token. ``accepts_refresh_from`` names other contracts whose refresh tokens are good here too.
    """

    name: str
    access: timedelta
    refresh: timedelta | None
    rotates: bool = False
    session_maximum: timedelta | None = None
    accepts_refresh_from: frozenset[str] = frozenset()

    def refreshes(self, contract: str) -> bool:
        """Return whether a refresh token that ``contract`` gave out is good here."""
        return contract == self.name or contract in self.accepts_refresh_from

    @property
    def longest_lifetime(self) -> timedelta:
        """The lifetime of the token that lives longest."""
        return max(self.access, self.refresh or self.access)

    def session_end(self, *, opened: datetime, used: datetime) -> datetime:
        """Return the end of a session whose tokens were made when it was last used."""
        end = used + (self.refresh or self.access)
        return min(end, opened + self.session_maximum) if self.session_maximum else end


_registered: dict[str, Policy] = {}
_served: set[str] = set()


def register(policy: Policy, *, served: bool) -> None:
    """Make the policy of a contract known to the core.

    A contract that is not served gives out no tokens, and its name stays in the audit log.
    """
    _registered[policy.name] = policy
    if served:
        _served.add(policy.name)


def registered_names() -> list[str]:
    """Return the names of all contracts, also of those that are switched off."""
    return list(_registered)


def served_names() -> list[str]:
    """Return the names of the contracts that this deployment serves."""
    return [name for name in _registered if name in _served]


def longest_lifetime() -> timedelta:
    """Return the longest lifetime of any one token, a year or more.

    Sessions may live longer: one that rotation prolongs gets new tokens.
    """
    return max(YEAR, *(policy.longest_lifetime for policy in _registered.values()))
