"""What operators may do to the keys of others, beside what they may do to accounts."""

from django.db.models import Exists, OuterRef, QuerySet

from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.models import User
from accounts.operators.actions import Act, Outcome
from apikeys import keys
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from apikeys.scopes import RESERVED_SCOPE

WHY = EndReason.ENDED_BY_OPERATOR


def _with_live_keys(people: QuerySet[User]) -> QuerySet[User]:
    return people.filter(Exists(APIKey.objects.live().filter(owner=OuterRef("pk"))))


def _end_keys(person: User) -> Outcome | None:
    ended = keys.end_all(person, WHY)
    return Outcome(Reason.KEYS_ENDED, {"count": ended}) if ended else None


def _end_key(person: User, key: str) -> Outcome | None:
    return (
        Outcome(Reason.KEY_ENDED, {"key": f"key_{key}"})
        if APIKey.objects.filter(owner=person, pk=key).end(WHY)
        else None
    )


def _grant_introspect(person: User, key: str) -> Outcome | None:
    """Let a key that its owner made and holds ask about the tokens of others, whatever the owner's role will be."""
    granted = APIKey.objects.filter(owner=person, pk=key).grant()
    return (
        Outcome(Reason.SCOPE_GRANTED, {"key": f"key_{key}", "scope": str(RESERVED_SCOPE)})
        if granted
        else None
    )


END_KEYS = Act(
    name="end_keys",
    kind=audit_log.Kind.KEYS_ENDED,
    perform=_end_keys,
    among=_with_live_keys,
    dangerous=True,
)
END_KEY = Act(name="end_key", kind=audit_log.Kind.KEYS_ENDED, perform=_end_key, dangerous=True)
GRANT_INTROSPECT = Act(
    name="grant_introspect",
    kind=audit_log.Kind.KEY_GRANTED,
    perform=_grant_introspect,
    dangerous=True,
)
