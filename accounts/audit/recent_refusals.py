"""Refused requests of the last days by request id, kept in the cache and not in the audit log.

Most refusals are routine, such as that of an expired token, and a client can cause any number of
them. So there is a fixed number of places, and the id decides which one a refusal takes: a flood
replaces older refusals and fills nothing.
"""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

from django.core.cache import cache
from django.utils.timezone import now

from accounts import request_context
from accounts.audit.reasons import Data
from accounts.errors import AuthError, InvalidToken, TooManyAttempts

REFUSAL_LIFETIME = timedelta(days=7)
PLACES = 10_000  # of each of two rings; all of them together take less than ten megabytes
# Access tokens are refused in numbers, which must not replace the other refusals.
ROUTINE, DOORS = "routine", "doors"


class Refusal(NamedTuple):
    """A refused request: the error's class and reason code, its user if known, and the answer."""

    request_id: str
    at: datetime
    error: str
    reason: str
    name: str
    session: str
    contract: str
    address: str | None
    status: int
    answer: str
    ends_at: datetime | None
    data: Data = {}  # of the reason; an older release wrote none


def remember(error: Exception, status: int, answer: str) -> None:
    """Keep the reason for which the current request is refused, and the words of the answer."""
    context = request_context.current()
    if not context.request_id:
        return
    ours = error if isinstance(error, AuthError) else AuthError()
    refusal = Refusal(
        request_id=context.request_id,
        at=now(),
        error=type(error).__name__,
        reason=str(ours.reason),
        name=request_context.printable(ours.name, 150),
        session=str(ours.session or ""),
        contract=context.contract,
        address=context.address,
        status=status,
        answer=answer,
        ends_at=now() + ours.retry_after if isinstance(ours, TooManyAttempts) else None,
        data=dict(ours.data),
    )
    ring = ROUTINE if ours is not error or type(error) is InvalidToken else DOORS
    place = _place(ring, context.request_id)
    cache.set(place, _serialized(refusal), timeout=int(REFUSAL_LIFETIME.total_seconds()))


def recall(request_id: str) -> Refusal | None:
    """Return the refusal of this request, unless another has taken its place since."""
    for ring in (DOORS, ROUTINE):
        stored = cache.get(_place(ring, request_id))
        if (refusal := _deserialized(stored)) and refusal.request_id == request_id:
            return refusal
    return None


def _serialized(refusal: Refusal) -> list[Any]:
    """Return the refusal as values of JSON."""
    return [part.isoformat() if isinstance(part, datetime) else part for part in refusal]


def _deserialized(stored: Any) -> Refusal | None:
    """Return the refusal that was stored; None for anything else that is in the cache."""
    try:
        refusal = Refusal(*stored)
        texts = (refusal.error, refusal.reason, refusal.name, refusal.contract, refusal.answer)
        if not all(isinstance(text, str) for text in texts):
            return None
        return refusal._replace(
            at=datetime.fromisoformat(str(refusal.at)),
            session=str(refusal.session and UUID(refusal.session)),
            address=refusal.address and str(ip_address(refusal.address)),
            status=int(refusal.status),
            ends_at=refusal.ends_at and datetime.fromisoformat(str(refusal.ends_at)),
        )
    except (TypeError, ValueError, AttributeError):
        return None


def _place(ring: str, request_id: str) -> str:
    return f"refusals:{ring}:{crc32(request_id.encode()) % PLACES}"
