"""Recording of audit events: one row for each, which only an erasure or retention changes."""

from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import event_kinds
from accounts.audit.reasons import Data
from accounts.db.compiled_statements import CompiledInsert
from accounts.identifiers import STAND_IN_PREFIX
from accounts.models import AuditEvent, User
from accounts.models.audit_event import stored_identifier
from accounts.request_context import printable

Kind = AuditEvent.Kind
ERASED = STAND_IN_PREFIX  # the beginning of every stand-in; the database accepts no other
ERASED_NOTE = "erased"  # in place of an erased note, which may name the user
# Kinds whose data are limits and names of contracts. Data of other kinds may hold an address, a
# network or a name.
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


class Details(TypedDict, total=False):
    """The details of an event, as far as they are known.

    ``identifier`` is the one that was typed. Where there is none, ``name`` is what the event shows:
    the user name if it is left out too. ``reason`` is a code, ``data`` its details, and ``note``
    the reason that an operator wrote. ``at`` is the time of an event that is recorded later.
    """

    at: datetime
    identifier: str
    user: User | None
    user_id: int | None
    name: str
    session: UUID | None
    reason: str
    data: Data
    note: str
    actor: User | None


def record(kind: str, **details: Unpack[Details]) -> None:
    """Add an event, with the address, contract and request id of the request context.

    Call this outside the transaction that a refusal undoes. The name is stored cut and escaped.
    """
    insert(**event(kind, **details))


@transaction.atomic
def record_with_current_name(kind: str, **details: Unpack[Details]) -> None:
    """Add an event about an account that may have been erased since it was read.

    The account's row is locked, so that no erasure comes between its name and the event.
    """
    user = details.get("user")
    current = User.objects.lock_row(user.pk) if user else None
    details["user"] = current or user
    record(kind, **details)


def event(kind: str, **details: Unpack[Details]) -> dict[str, Any]:
    """Return the row of an event, for ``insert``."""
    user, actor = details.get("user"), details.get("actor")
    shown = details.get("identifier") or details.get("name") or (user.username if user else "")
    context = request_context.current()
    return {
        "at": details.get("at") or now(),
        "kind": kind,
        "user_id": user.pk if user else details.get("user_id"),
        "actor_id": actor.pk if actor else None,
        "name": printable(shown, 150)
        if event_kinds.names_a_thing(kind)
        else stored_identifier(shown),
        "session": details.get("session"),
        "contract": context.contract,
        "address": context.address,
        "request_id": context.request_id,
        "reason": printable(details.get("reason", ""), 200),
        "data": {key: _escaped(value) for key, value in details.get("data", {}).items()},
        "note": printable(details.get("note", "").strip(), 200),
    }


def _escaped(value: Any) -> Any:
    """Return a value of JSON without control characters, some of which PostgreSQL refuses."""
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    return printable(value, 200) if isinstance(value, str) else value
