"""What becomes of keys: made, used, rotated, ended. Each of these is an event of the audit trail."""

import hmac
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import rate_limits
from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.db.compiled_statements import CompiledQuery
from accounts.mail import outbox
from accounts.models import User
from accounts.privacy.export import plain
from accounts.request_context import printable
from accounts.sessions import USER_COLUMNS, Identity
from apikeys import key_format, usage
from apikeys.end_reasons import EndReason
from apikeys.errors import InvalidKey, KeyNotFound, ScopeReserved
from apikeys.models import RESERVED, APIKey, digest, in_force

Owner = Identity | User

_live = CompiledQuery(
    build=lambda key_id: (
        APIKey.objects.live()
        .filter(pk=key_id, owner__is_active=True)
        .values_list(
            "digest", "granted_at", "scope", *(f"owner__{column}" for column in USER_COLUMNS)
        )
    ),
    field=lambda: APIKey._meta.pk,
    sample="sample__",
    row=lambda digest, granted_at, scope, *columns: (
        digest,
        granted_at,
        Identity._make([*columns, None, "", scope]),
    ),
)


def identify(secret: str) -> Identity:
    """Whom a key speaks for, if it lives at this moment. One query; none for a typo."""
    key_id = key_format.read(secret)
    if key_id is None:
        raise InvalidKey(Reason.KEY_MISTYPED)
    found = _live.get(key_id)
    if found is None or not hmac.compare_digest(found[0], digest(secret)):
        raise InvalidKey(Reason.NO_SUCH_KEY, name=f"key_{key_id}")
    _, granted_at, identity = found
    scopes = in_force(identity.scope, granted=granted_at is not None, by_operator=identity.is_staff)
    usage.note(key_id)
    return identity._replace(scope=" ".join(scopes))


@transaction.atomic
def create(
    owner: Identity, name: str, scopes: list[str], expires_at: datetime | None
) -> tuple[APIKey, str]:
    """A new key and its text. ``ScopeReserved``: a scope that shows the tokens of others is an operator's to give."""
    if RESERVED in scopes and not owner.is_staff:
        raise ScopeReserved(Reason.SCOPE_RESERVED, data={"scope": str(RESERVED)})
    key, secret = APIKey.objects.issue(owner.id, name, scopes, expires_at=expires_at)
    _record(audit_log.Kind.KEY_CREATED, key)
    _tell(outbox.Kind.KEY_CREATED, owner, **_named(key))
    return key, secret


@transaction.atomic
def rotate(owner: Identity, public_id: str, overlap: timedelta) -> tuple[APIKey, str]:
    key, secret = APIKey.objects.rotate(owner.id, public_id, overlap)
    _record(audit_log.Kind.KEY_ROTATED, key, reason=Reason.SUCCESSOR_OF, data={"key": public_id})
    _tell(outbox.Kind.KEY_ROTATED, owner, **_named(key), replaced=public_id)
    return key, secret


@transaction.atomic
def delete(owner: Owner, public_id: str) -> None:
    key = APIKey.objects.owned(owner.id, public_id)
    if not APIKey.objects.filter(pk=key.pk).end(EndReason.DELETED):
        raise KeyNotFound(Reason.NO_SUCH_KEY)
    _record(audit_log.Kind.KEY_DELETED, key)


def delete_some(owner: Owner, public_ids: Iterable[str]) -> int:
    """End those of these keys that are the owner's and live, each on record; how many."""
    ended = 0
    for public_id in public_ids:
        with suppress(KeyNotFound):
            delete(owner, public_id)
            ended += 1
    return ended


def revoke_leaked(secret: str) -> None:
    """End a key that its finder holds, and tell its owner. Once ended, again is as good as once."""
    key_id = key_format.read(secret)
    key = APIKey.objects.filter(pk=key_id).select_related("owner").first() if key_id else None
    if key is None or not hmac.compare_digest(key.digest, digest(secret)):
        raise KeyNotFound(Reason.NO_SUCH_KEY)
    with transaction.atomic():
        if APIKey.objects.filter(pk=key.pk).end(EndReason.LEAKED):
            _record(audit_log.Kind.KEY_LEAKED, key)
            _mail(outbox.Kind.KEY_LEAKED, key.owner, **_named(key))


def end_all(user: User, why: EndReason) -> int:
    return int(APIKey.objects.filter(owner=user).end(why))


def take_reserved(user: User) -> None:
    """Take the reserved scope from the keys of somebody who is no operator any more, unless an operator granted it.

    A key that has no other scope ends. Call it in the transaction of the change of role.
    """
    for key in APIKey.objects.by_role().filter(owner=user, owner__is_staff=False):
        left = in_force(key.scope, granted=False, by_operator=False)
        row = APIKey.objects.filter(pk=key.pk)
        if left:
            row.update(scope=" ".join(left))
        else:
            row.end(EndReason.OWNER_NO_OPERATOR)
        data = {"scope": str(RESERVED)} | ({} if left else {"ended": True})
        _record(audit_log.Kind.KEY_SCOPE_LOST, key, reason=Reason.OWNER_NO_OPERATOR, data=data)


def count_live() -> Counter[str]:
    """How many keys live; they belong to no contract."""
    return Counter({"": APIKey.objects.live().count()})


def forget_owner(person: User) -> None:
    """Delete an owner's keys, and from where they were used."""
    APIKey.objects.filter(owner=person).delete()


def held_about(person: User) -> list[dict[str, Any]]:
    """What is known of somebody's keys, but for what opens anything."""
    fields = (
        "name",
        "scope",
        "created_at",
        "expires_at",
        "last_used_at",
        "rotated_at",
        "ended_at",
        "ended_why",
    )
    return [
        {
            "id": key.public_id,
            **plain({field: getattr(key, field) for field in fields}),
            "networks": [
                plain(address) for address in key.addresses.values("network", "first_seen_at")
            ],
        }
        for key in APIKey.objects.filter(owner=person)
        .order_by("created_at")
        .prefetch_related("addresses")
    ]


def owner_of(public_id: str) -> list[int]:
    """The owner of the key that is written like this in the trail and in lists, as a list of at most one."""
    found = key_format.PUBLIC_ID.fullmatch(public_id)
    return list(APIKey.objects.filter(pk=found[1]).values_list("owner", flat=True)) if found else []


def tell_they_live(user: User) -> None:
    """A reset leaves keys alone: whoever had to reset a password may want to know that."""
    if told := named_in_mails(user):
        _mail(outbox.Kind.KEYS_REMAIN, user, count=len(told["keys"]), **told)


def named_in_mails(user: User) -> dict[str, Any]:
    """The live keys of an owner, the newest first, as the templates of mails name them; empty for none."""
    live = APIKey.objects.live().filter(owner=user).order_by("-created_at", "pk")
    named = [_named(key) for key in live.only("pk", "name")]
    return {"keys": named} if named else {}


def _named(key: APIKey) -> dict[str, str]:
    """A key without its secret, on one line: whoever made it chose the name."""
    return {"name": printable(key.name, 100), "key": key.public_id}


def _tell(kind: str, owner: Owner, **data: Any) -> None:
    """Mail word of a new key: only so many times a day, so that no loop fills a mailbox; the last mail says that it is the last."""
    if not _reachable(owner) or (left := rate_limits.mails_of_keys_left(owner.uuid)) is None:
        return
    _mail(kind, owner, **data, **({} if left else {"last": True}))


def _reachable(owner: Owner) -> bool:
    return bool(settings.EMAILS_ENABLED and owner.email)


def _mail(kind: str, owner: Owner, **data: Any) -> None:
    if _reachable(owner):
        outbox.put(kind, user_id=owner.id, **data)


def _record(kind: str, key: APIKey, reason: str = "", data: Data | None = None) -> None:
    audit_log.record(kind, user_id=key.owner_id, name=key.public_id, reason=reason, data=data or {})
