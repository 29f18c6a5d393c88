"""The trail: one row for each thing that happened, written so that its own refusal cannot undo it."""

from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts import request_context
from accounts.audit.reasons import Data
from accounts.audit.reasons import Reason as Reason
from accounts.db.compiled_statements import CompiledInsert
from accounts.identifiers import STAND_IN
from accounts.models import AuditEvent, User
from accounts.models.audit_event import identifier
from accounts.request_context import printable

Kind = AuditEvent.Kind
ERASED = (
    STAND_IN  # how the name begins that stands in for a person's; the database lets no other in
)
TOLD = "erased"  # stands in for a note, which may tell who it was
# Kinds whose data are limits and names of contracts. Those of other kinds may hold an address, a network or a name.
IMPERSONAL = (
    Kind.LOGIN,
    Kind.LOGIN_FAILED,
    Kind.THROTTLED,
    Kind.REFRESH_FAILED,
    Kind.REFRESH_REUSED,
    Kind.RESET_FAILED,
    Kind.PASSWORD_CHANGED,
)
insert = CompiledInsert(AuditEvent)


class About(TypedDict, total=False):
    """The details of an event, as far as they are known; ``name`` is what was typed, else the account's.

    ``reason`` is a code, ``data`` its details, and ``note`` what an operator wrote as their reason; ``at`` is the time of
    what is recorded later than it happened.
    """

    at: datetime
    user: User | None
    user_id: int | None
    name: str
    session: UUID | None
    reason: str
    data: Data
    note: str
    actor: User | None


def record(kind: str, **about: Unpack[About]) -> None:
    """Add an event, with the address, contract and request id of the act under way.

    What was typed is kept cut and escaped. Of a refusal, call this outside the transaction that the refusal undoes.
    """
    insert(**event(kind, **about))


@transaction.atomic
def record_as_called_now(kind: str, **about: Unpack[About]) -> None:
    """Add an event about an account that may have been erased since it was read; no erasure comes between its name and the event."""
    read = about.get("user")
    held = User.objects.select_for_update(no_key=True).filter(pk=read.pk).first() if read else None
    about["user"] = held or read
    record(kind, **about)


def event(kind: str, **about: Unpack[About]) -> dict[str, Any]:
    """The row of an event, for ``insert``."""
    user, actor = about.get("user"), about.get("actor")
    name = about.get("name") or (user.username if user else "")
    context = request_context.current()
    return {
        "at": about.get("at") or now(),
        "kind": kind,
        "user_id": user.pk if user else about.get("user_id"),
        "actor_id": actor.pk if actor else None,
        "name": printable(name, 150) if kind in AuditEvent.NAMING_THINGS else identifier(name),
        "session": about.get("session"),
        "contract": context.contract,
        "address": context.address,
        "request_id": context.request_id,
        "reason": printable(about.get("reason", ""), 200),
        "data": {key: _escaped(value) for key, value in about.get("data", {}).items()},
        "note": printable(about.get("note", "").strip(), 200),
    }


def _escaped(value: Any) -> Any:
    """A value of JSON without control characters, which PostgreSQL would partly refuse."""
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    return printable(value, 200) if isinstance(value, str) else value
