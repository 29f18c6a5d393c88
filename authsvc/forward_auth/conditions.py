"""The query of a forward request: the role and scopes that the proxy asks for, and a login page.

``role=admin`` is for that role or a higher one, ``scope=a b`` for all of these scopes, ``login`` is
a page for browsers. ``uri`` comes last: all that follows is the address that the client asked the
proxy for, and holds no condition.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from accounts.identities import Identity
from accounts.models.user import ROLES
from authsvc.forward_auth.refusals import (
    ForwardReason,
    RoleRequired,
    ScopesRequired,
    UnreadableQuery,
)
from authsvc.paths import FORWARD_AUTH

PARAMETERS = ("role", "scope", "login")
LOWEST_TO_HIGHEST = tuple(ROLES)
NOTHING_ELSE = (
    "it may have role, scope, login and uri, each once (where its uri has no question mark, Caddy "
    "adds the query of its client)"
)
URI = re.compile(r"(?:^|&)uri=")
SCOPES = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")  # RFC 6749, 3.3


class Conditions(NamedTuple):
    """Demands of the proxy; ``login`` and ``uri`` are as they were sent, and may be anything."""

    role: str = LOWEST_TO_HIGHEST[0]
    scopes: frozenset[str] = frozenset()
    login: str = ""
    uri: str = ""

    def check(self, identity: Identity) -> None:
        """Raise ``RoleRequired`` or ``ScopesRequired`` where the user does not meet them."""
        role, name = identity.role, identity.username
        if LOWEST_TO_HIGHEST.index(role) < LOWEST_TO_HIGHEST.index(self.role):
            data = {"role": role, "required": self.role}
            raise RoleRequired(ForwardReason.ROLE_REQUIRED, name=name, data=data)
        if missing := self.scopes.difference(identity.scope.split()):
            data = {"scope": " ".join(sorted(missing))}
            raise ScopesRequired(ForwardReason.SCOPES_REQUIRED, name=name, data=data)


NONE = Conditions()


def read(path: str, query: str) -> Conditions:
    """Return the conditions in the query of a forward request; ``UnreadableQuery`` for a mistake.

    Envoy appends the path and query of its client to ours. So below our path other parameters are
    ignored; at the path itself they are mistakes in the proxy's configuration.
    """
    if not query:
        return NONE
    found = URI.search(query)
    ours = query[: found.start()] if found else query
    conditions = _parse(ours, path == FORWARD_AUTH)
    return conditions._replace(uri=query[found.end() :]) if found else conditions


@lru_cache(maxsize=256)
def _parse(query: str, only_ours: bool) -> Conditions:
    parameters = parse_qsl(query, keep_blank_values=True)
    given = {name: value for name, value in parameters if name in PARAMETERS}
    if len(given) < sum(only_ours or name in PARAMETERS for name, _ in parameters):
        raise UnreadableQuery(NOTHING_ELSE)
    if given.get("role", NONE.role) not in ROLES:
        raise UnreadableQuery(f"role must be one of {', '.join(LOWEST_TO_HIGHEST)}")
    if "scope" in given and not SCOPES.fullmatch(given["scope"]):
        raise UnreadableQuery("scope must be one scope, or several with a space between two")
    scopes = frozenset(given.get("scope", "").split())
    return Conditions(given.get("role", NONE.role), scopes, given.get("login", ""))
