"""Policy of a contract: how long its tokens live, and whether its refresh tokens rotate."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings


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

    def session_end(self, *, opened: datetime, used: datetime) -> datetime:
        """Return the end of a session whose tokens were made when it was last used."""
        end = used + (self.refresh or self.access)
        return min(end, opened + self.session_maximum) if self.session_maximum else end

    def from_settings(self) -> Self:
        """Return the policy with the lifetimes and the rotation that the environment sets."""
        return replace(self, **settings.CONTRACT_POLICIES.get(self.name, {}))
