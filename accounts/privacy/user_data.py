"""All that is held about one person, to be handed to them."""

from typing import Any, cast

from django.db.models import Q
from django.utils.timezone import now

from accounts.audit import audit_log
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.signals import user_data_requested
from accounts.transfer.user_export import row

FORM = "authsvc person, version 1"
SESSION = (
    "id",
    "contract",
    "created_at",
    "last_used_at",
    "expires_at",
    "address",
    "user_agent",
    "revoked_at",
    "revoked_reason",
)
NETWORK = ("network", "first_seen_at", "last_seen_at")
RESET = ("created_at", "expires_at", "used_at")
MAIL = (
    "template",
    "status",
    "identifier",
    "recipient",
    "language",
    "contract",
    "address",
    "user_agent",
    "created_at",
    "closed_at",
)
# keys of the format whose columns have other names now
NAMES = {
    "revoked_reason": "revoked_why",
    "template": "kind",
    "status": "fate",
    "identifier": "typed",
}
EVENT = ("at", "kind", "name", "session", "contract", "address", "request_id")


def export(person: User, *, actor: User | None = None, reason: str = "") -> dict[str, Any]:
    """Everything about this account but its secrets, once it is on record that it was asked for. ``docs/moving-accounts.md`` tells its shape."""
    audit_log.record(audit_log.Kind.PERSON_EXPORTED, user=person, actor=actor, note=reason)
    names = [name for name in (person.username, person.email) if name]
    mails = OutgoingMail.objects.filter(Q(user=person) | Q(user=None, identifier__in=names))
    happened = AuditEvent.objects.about(person)
    # Of what they did as an operator, to whom is about others.
    did = AuditEvent.objects.filter(actor=person).exclude(user=person)
    held: dict[str, Any] = {
        "known_networks": _rows(person.known_networks.order_by("first_seen_at"), NETWORK),
        "sessions": _rows(person.sessions.order_by("created_at"), SESSION),
        "password_resets": _rows(person.resets.order_by("created_at"), RESET),
        "mails": _rows(mails.order_by("created_at"), MAIL),
        "events": _rows(happened.order_by("at"), EVENT),
        "acts_as_operator": _rows(did.order_by("at"), ("at", "kind", "address", "request_id")),
    }
    for _, more in user_data_requested.send(User, user=person):
        held |= cast("dict[str, Any]", more)
    return {"format": FORM, "exported_at": now().isoformat(), "profile": row(person), **held}


def _rows(found: Any, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {NAMES.get(name, name): value for name, value in plain(each).items()}
        for each in found.values(*fields).iterator()
    ]


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    return {
        name: value if value is None or isinstance(value, (str, bool, int)) else _written(value)
        for name, value in values.items()
    }


def _written(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
