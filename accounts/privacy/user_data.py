"""Export of all data that the service holds about one user, to be handed to them."""

from typing import Any, cast

from django.db.models import Q
from django.utils.timezone import now

from accounts.audit import audit_log
from accounts.identifiers import identifiers_of
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.signals import user_data_requested
from accounts.transfer.user_export import as_dict

FORMAT = "authsvc person, version 1"
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
EVENT = ("at", "kind", "name", "session", "contract", "address", "request_id")
OPERATOR_EVENT = ("at", "kind", "address", "request_id")
# The parts of an export in words; other apps add those that their receivers of the signal return.
contents = ["profile", "sessions", "mails", "resets", "events"]
# Names in the format of columns that have other names now.
NAMES = {
    "revoked_reason": "revoked_why",
    "template": "kind",
    "status": "fate",
    "identifier": "typed",
}


def export(user: User, *, actor: User | None = None, reason: str = "") -> dict[str, Any]:
    """Record the export and return everything about this account except its secrets.

    The format is described in ``docs/moving-accounts.md``.
    """
    audit_log.record(audit_log.Kind.USER_DATA_EXPORTED, user=user, actor=actor, note=reason)
    requested = Q(user=None, identifier__in=identifiers_of(user))
    mails = OutgoingMail.objects.filter(Q(user=user) | requested)
    events = AuditEvent.objects.about(user)
    # The users that an operator's actions were about are others, and are left out.
    actions = AuditEvent.objects.filter(actor=user).exclude(user=user)
    data: dict[str, Any] = {
        "known_networks": _rows(user.known_networks.order_by("first_seen_at"), NETWORK),
        "sessions": _rows(user.sessions.order_by("created_at"), SESSION),
        "password_resets": _rows(user.resets.order_by("created_at"), RESET),
        "mails": _rows(mails.order_by("created_at"), MAIL),
        "events": _rows(events.order_by("at"), EVENT),
        "acts_as_operator": _rows(actions.order_by("at"), OPERATOR_EVENT),
    }
    for _, more in user_data_requested.send(User, user=user):
        data |= cast("dict[str, Any]", more)
    return {"format": FORMAT, "exported_at": now().isoformat(), "profile": as_dict(user), **data}


def _rows(found: Any, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {NAMES.get(name, name): value for name, value in json_values(each).items()}
        for each in found.values(*fields).iterator()
    ]


def json_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as JSON has them: times as ISO 8601, and ids as text."""
    return {
        name: value if value is None or isinstance(value, (str, bool, int)) else _text(value)
        for name, value in values.items()
    }


def _text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
