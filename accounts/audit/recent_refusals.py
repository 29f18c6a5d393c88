"""What was refused of late, and why: kept by request id for whoever looks into a complaint, in the cache and not on the trail.

Most refusals are routine, such as a token that has expired, and anybody can cause any number of them. So there is a fixed number of
places, and the id says which one a refusal takes: a flood drives out what was there before it, and fills nothing.
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

KEPT = timedelta(days=7)
PLACES = 10_000  # of each of two rings; all of them together take less than ten megabytes
ROUTINE, DOORS = (
    "routine",
    "doors",
)  # what access tokens are refused for comes in numbers, and shall not drive out the rest


class Refusal(NamedTuple):
    """One request that was refused: the error's name and reason code, whom it is about if that is known, and what was answered."""

    request_id: str
    at: datetime
    error: str
    reason: str
    name: str
    session: str
    contract: str
    address: str | None
    status: int
    told: str
    ends_at: datetime | None
    data: Data = {}  # of the reason; a release before wrote none


def remember(error: Exception, status: int, told: str) -> None:
    """Note why the request under way is refused, and with which words."""
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
        told=told,
        ends_at=now() + ours.retry_after if isinstance(ours, TooManyAttempts) else None,
        data=dict(ours.data),
    )
    ring = ROUTINE if ours is not error or type(error) is InvalidToken else DOORS
    cache.set(_place(ring, context.request_id), _kept(refusal), timeout=int(KEPT.total_seconds()))


def recall(request_id: str) -> Refusal | None:
    """The refusal of this request, if its place was not taken since."""
    for ring in (DOORS, ROUTINE):
        kept = cache.get(_place(ring, request_id))
        if (refusal := _restored(kept)) and refusal.request_id == request_id:
            return refusal
    return None


def _kept(refusal: Refusal) -> list[Any]:
    """The refusal as JSON can hold it."""
    return [part.isoformat() if isinstance(part, datetime) else part for part in refusal]


def _restored(kept: Any) -> Refusal | None:
    """The refusal that is kept; None for anything else that somebody left in the cache."""
    try:
        refusal = Refusal(*kept)
        if not all(
            isinstance(text, str)
            for text in (
                refusal.error,
                refusal.reason,
                refusal.name,
                refusal.contract,
                refusal.told,
            )
        ):
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
