"""The trail: one row for each thing that happened, written so that its own refusal cannot undo it."""

from typing import Any
from uuid import UUID

from django.utils.timezone import now

from accounts import origin
from accounts.compiled import CompiledInsert
from accounts.models import AuditEvent, User
from accounts.origin import printable

Kind = AuditEvent.Kind
insert = CompiledInsert(AuditEvent)


def record(
    kind: str,
    *,
    user: User | None = None,
    user_id: int | None = None,
    name: str = "",
    session: UUID | None = None,
    reason: str = "",
    actor: User | None = None,
) -> None:
    """Add an event, with the address, contract and request id of the act under way.

    What was typed is kept cut and escaped. Of a refusal, call this outside the transaction that the refusal undoes.
    """
    insert(**event(kind, user=user, user_id=user_id, name=name, session=session, reason=reason, actor=actor))


def event(
    kind: str,
    *,
    user: User | None = None,
    user_id: int | None = None,
    name: str = "",
    session: UUID | None = None,
    reason: str = "",
    actor: User | None = None,
) -> dict[str, Any]:
    """The row of an event, for ``insert``."""
    here = origin.current()
    return {
        "at": now(),
        "kind": kind,
        "user_id": user.pk if user else user_id,
        "actor_id": actor.pk if actor else None,
        "name": printable(name or (user.username if user else ""), 150),
        "session": session,
        "contract": here.contract,
        "address": here.address,
        "request_id": here.request_id,
        "reason": printable(reason, 200),
    }
