"""Where the present act comes from: what sessions and the audit trail remember of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(slots=True)
class Origin:
    """One request, or one command: ``contract`` is filled in by the viewset that answers it."""

    address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    contract: str = ""
    languages: str = ""  # as Accept-Language lists them (RFC 9110, 12.5.4)


ADMIN = "admin"  # in the place of a contract's name: the operators' room

_current: ContextVar[Origin] = ContextVar("origin")


def current() -> Origin:
    return _current.get(Origin())


@contextmanager
def entered(origin: Origin) -> Iterator[Origin]:
    token = _current.set(origin)
    try:
        yield origin
    finally:
        _current.reset(token)


def network(address: str | None) -> str:
    """The network that an address is counted as: an IPv4 address itself, the /64 of an IPv6 one, which one subscriber has."""
    if address is None:
        return "unknown"
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def printable(text: str, length: int) -> str:
    """``text`` on one line, its control characters escaped, no longer than ``length``."""
    text = text[:length]
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )[:length]
