"""Actions of operators on the API keys of users."""

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from accounts.operators.actions import Action, Outcome
from apikeys import key_format, keys
from apikeys.audit_codes import KeyEventKind, KeyReason
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from apikeys.scopes import Scope


def _with_active_keys(users: QuerySet[User]) -> QuerySet[User]:
    return users.filter(Exists(APIKey.objects.live().filter(owner=OuterRef("pk"))))


def _end_keys(user: User) -> Outcome | None:
    ended = keys.end_all(user, EndReason.ENDED_BY_OPERATOR)
    return Outcome(KeyReason.KEYS_ENDED, {"count": ended}) if ended else None


def _end_key(user: User, key: str) -> Outcome | None:
    ended = APIKey.objects.filter(owner=user, pk=key).end(EndReason.ENDED_BY_OPERATOR)
    return Outcome(KeyReason.KEY_ENDED, {"key": key_format.public_id(key)}) if ended else None


def _grant(scope: Scope) -> Action:
    """Return the action that grants a key a reserved scope, whatever its owner's role will be."""

    def perform(user: User, key: str) -> Outcome | None:
        granted = APIKey.objects.filter(owner=user, pk=key).grant(scope)
        data = {"key": key_format.public_id(key), "scope": str(scope)}
        return Outcome(KeyReason.SCOPE_GRANTED, data) if granted else None

    return Action(
        name=f"grant_{scope}", kind=KeyEventKind.KEY_GRANTED, perform=perform, dangerous=True
    )


END_KEYS = Action(
    name="end_keys",
    kind=KeyEventKind.KEYS_ENDED,
    perform=_end_keys,
    applicable=_with_active_keys,
    dangerous=True,
)
END_KEY = Action(name="end_key", kind=KeyEventKind.KEYS_ENDED, perform=_end_key, dangerous=True)
GRANT_INTROSPECT = _grant(Scope.INTROSPECT)
GRANT_REVOKE = _grant(Scope.REVOKE)
