"""The request context: the client and contract that sessions, mails and audit events record.

``RequestContextMiddleware`` opens one for each request, ``manage.py`` one for each command, and
the mail worker one for each mail. Code that runs without one is refused, never given an empty one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(slots=True)
class RequestContext:
    """One request, or one command, whose context is empty.

    The viewset that answers a request fills in ``contract``.
    """

    address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    contract: str = ""
    languages: str = ""  # as Accept-Language lists them (RFC 9110, 12.5.4)


class NoRequestContext(RuntimeError):
    """Code that needs a request context runs outside of every one."""


ADMIN = "admin"  # the admin site, in the place of a contract's name
# Names in place of a contract's, which no contract may have; other apps add theirs.
other_entrances = [ADMIN]

_current: ContextVar[RequestContext] = ContextVar("request_context")


def current() -> RequestContext:
    """Return the open request context; ``NoRequestContext`` if none is open."""
    context = current_or_none()
    if context is None:
        raise NoRequestContext(
            "No request context is open: wrap the call in"
            " request_context.use(RequestContext()), as manage.py does for commands."
        )
    return context


def current_or_none() -> RequestContext | None:
    """Return the open request context, or None: a log line may be written outside of one."""
    return _current.get(None)


@contextmanager
def use(context: RequestContext) -> Iterator[RequestContext]:
    """Open ``context`` for this thread until the block ends. Contexts nest."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def network(address: str | None) -> str:
    """Return the network that an address is counted as.

    That is an IPv4 address itself, and the /64 of an IPv6 one, which one subscriber has;
    ``unknown`` for no address.
    """
    if address is None:
        return "unknown"
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def printable(text: str, length: int) -> str:
    """Return ``text`` on one line, control characters escaped, cut to ``length`` characters."""
    text = text[:length]
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )[:length]
