"""Operations on API keys. Each change is an event of the audit log."""

import hmac
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import rate_limits
from accounts.audit import audit_log
from accounts.audit.reasons import Data
from accounts.db.compiled_statements import CompiledQuery
from accounts.identities import USER_COLUMNS, Identity
from accounts.mail import outbox
from accounts.models import User
from accounts.privacy.user_data import json_values
from accounts.request_context import printable
from apikeys import key_format, usage
from apikeys.audit_codes import KeyEventKind, KeyReason
from apikeys.end_reasons import EndReason
from apikeys.errors import InvalidKey, KeyNotFound, ScopeReserved
from apikeys.mail_templates import KeyTemplate
from apikeys.models import APIKey
from apikeys.scopes import GRANTED_AT, RESERVED_SCOPES, Scope, effective_scopes

Owner = Identity | User
MAX_NAME_IN_MAIL = 100  # characters of a key's name
MAILS_OF_NEW_KEYS = "20/1d"  # to one owner
EXPORTED_FIELDS = (
    "name",
    "scope",
    "created_at",
    "expires_at",
    "last_used_at",
    "rotated_at",
    "ended_at",
    "ended_reason",
)
EXPORTED_NAMES = {"ended_reason": "ended_why"}  # of fields that are called otherwise in the export

_find_live_key = CompiledQuery(
    build=lambda key_id: (
        APIKey.objects.live()
        .filter(pk=key_id, owner__is_active=True)
        .values_list(
            *GRANTED_AT.values(), "digest", "scope", *(f"owner__{name}" for name in USER_COLUMNS)
        )
    ),
    field=lambda: APIKey._meta.pk,
    sample="sample__",
    row=lambda *columns: _read(columns[: len(GRANTED_AT)], *columns[len(GRANTED_AT) :]),
)


def _read(
    granted_at: tuple[datetime | None, ...], digest: str, scope: str, *owner: Any
) -> tuple[str, list[Scope], Identity]:
    """Return the digest, the granted scopes and the owner of a key from its row."""
    granted = [each for each, at in zip(GRANTED_AT, granted_at, strict=True) if at]
    return digest, granted, Identity._make([*owner, None, "", scope])


def identify(secret: str) -> Identity:
    """Return the owner of a live key, with its effective scopes. One query; none for a typo."""
    key_id = key_format.read(secret)
    if key_id is None:
        raise InvalidKey(KeyReason.KEY_MISTYPED)
    found = _find_live_key.get(key_id)
    if found is None or not hmac.compare_digest(found[0], key_format.digest(secret)):
        raise InvalidKey(KeyReason.NO_SUCH_KEY, name=key_format.public_id(key_id))
    _, granted, owner = found
    scopes = effective_scopes(owner.scope, granted=granted, by_operator=owner.is_staff)
    usage.record(key_id)
    return owner._replace(scope=" ".join(scopes))


def live_of(owner_id: int) -> QuerySet[APIKey]:
    """Return the live keys of a user, newest first."""
    keys: QuerySet[APIKey] = APIKey.objects.live().filter(owner_id=owner_id)
    return keys.order_by("-created_at", "pk")


@transaction.atomic
def create(
    owner: Identity, name: str, scopes: list[str], expires_at: datetime | None
) -> tuple[APIKey, str]:
    """Return a new key and its text. ``ScopeReserved`` for a scope that only operators grant."""
    reserved = [each for each in RESERVED_SCOPES if each in scopes]
    if reserved and not owner.is_staff:
        raise ScopeReserved(KeyReason.SCOPE_RESERVED, data={"scope": " ".join(reserved)})
    key, secret = APIKey.objects.issue(owner.id, name, scopes, expires_at=expires_at)
    _record(KeyEventKind.KEY_CREATED, key)
    _mail_new_key(KeyTemplate.KEY_CREATED, owner, **_for_mail(key))
    return key, secret


@transaction.atomic
def rotate(owner: Identity, public_id: str, overlap: timedelta) -> tuple[APIKey, str]:
    key, secret = APIKey.objects.rotate(owner.id, public_id, overlap)
    _record(KeyEventKind.KEY_ROTATED, key, reason=KeyReason.SUCCESSOR_OF, data={"key": public_id})
    _mail_new_key(KeyTemplate.KEY_ROTATED, owner, **_for_mail(key), replaced=public_id)
    return key, secret


@transaction.atomic
def delete(owner: Owner, public_id: str) -> None:
    key = APIKey.objects.owned(owner.id, public_id)
    if not APIKey.objects.filter(pk=key.pk).end(EndReason.DELETED):
        raise KeyNotFound(KeyReason.NO_SUCH_KEY)
    _record(KeyEventKind.KEY_DELETED, key)


def delete_some(owner: Owner, public_ids: Iterable[str]) -> int:
    """End those of these keys that are the owner's and live; return how many."""
    ended = 0
    for public_id in public_ids:
        with suppress(KeyNotFound):
            delete(owner, public_id)
            ended += 1
    return ended


def revoke_leaked(secret: str) -> None:
    """End a key that somebody has found, and mail its owner.

    Idempotent: revoking an ended key changes nothing. ``KeyNotFound`` for no key of ours.
    """
    key_id = key_format.read(secret)
    key = APIKey.objects.filter(pk=key_id).select_related("owner").first() if key_id else None
    if key is None or not hmac.compare_digest(key.digest, key_format.digest(secret)):
        raise KeyNotFound(KeyReason.NO_SUCH_KEY)
    with transaction.atomic():
        if APIKey.objects.filter(pk=key.pk).end(EndReason.LEAKED):
            _record(KeyEventKind.KEY_LEAKED, key)
            _mail(KeyTemplate.KEY_LEAKED, key.owner, **_for_mail(key))


def end_all(owner: User, reason: EndReason) -> int:
    return int(APIKey.objects.filter(owner=owner).end(reason))


def withdraw_reserved_scopes(owner: User) -> None:
    """Remove reserved scopes from keys of an owner who is no operator, unless they were granted.

    A key without another scope ends. Call it in the transaction that changes the role.
    """
    for key in APIKey.objects.by_role().filter(owner=owner, owner__is_staff=False):
        remaining = effective_scopes(key.scope, granted=key.granted, by_operator=False)
        row = APIKey.objects.filter(pk=key.pk)
        if remaining:
            row.update(scope=" ".join(remaining))
        else:
            row.end(EndReason.OWNER_NO_OPERATOR)
        lost = " ".join(each for each in key.scopes if each not in remaining)
        data = {"scope": lost} | ({} if remaining else {"ended": True})
        _record(KeyEventKind.KEY_SCOPE_LOST, key, reason=KeyReason.OWNER_NO_OPERATOR, data=data)


def count_live() -> Counter[str]:
    """Return how many keys are live, under the empty name: they belong to no contract."""
    return Counter({"": APIKey.objects.live().count()})


def erase_owner_keys(owner: User) -> None:
    """Delete an owner's keys, and the networks from which they were used."""
    APIKey.objects.filter(owner=owner).delete()


def export_owner_data(owner: User) -> list[dict[str, Any]]:
    """Return the data of an owner's keys for JSON, without digests."""
    keys = APIKey.objects.filter(owner=owner).order_by("created_at").prefetch_related("addresses")
    return [
        {
            "id": key.public_id,
            **json_values(
                {EXPORTED_NAMES.get(field, field): getattr(key, field) for field in EXPORTED_FIELDS}
            ),
            "networks": [
                json_values(address) for address in key.addresses.values("network", "first_seen_at")
            ],
        }
        for key in keys
    ]


def find_owner(public_id: str) -> list[int]:
    """Return the id of the user who owns this key, ended or live, as a list of at most one."""
    found = key_format.PUBLIC_ID.fullmatch(public_id)
    return list(APIKey.objects.filter(pk=found[1]).values_list("owner", flat=True)) if found else []


def mail_remaining_keys(owner: User) -> None:
    """Mail an owner who has reset the password: the reset ends no key."""
    if context := live_keys_for_mail(owner):
        _mail(KeyTemplate.KEYS_REMAIN, owner, count=len(context["keys"]), **context)


def live_keys_for_mail(owner: User) -> dict[str, Any]:
    """Return the template context of an owner's live keys, newest first; empty for none."""
    live = APIKey.objects.live().filter(owner=owner).order_by("-created_at", "pk")
    keys = [_for_mail(key) for key in live.only("pk", "name")]
    return {"keys": keys} if keys else {}


def _for_mail(key: APIKey) -> dict[str, str]:
    """Return a key's name and id for a mail; the name, chosen by its owner, on one line."""
    return {"name": printable(key.name, MAX_NAME_IN_MAIL), "key": key.public_id}


def _mail_new_key(template: str, owner: Owner, **data: Any) -> None:
    """Mail the owner of a new key, so many times a day; the last mail says that it is the last."""
    if (
        not _has_mail(owner)
        or (left := rate_limits.mails_left("keys", owner.uuid, MAILS_OF_NEW_KEYS)) is None
    ):
        return
    _mail(template, owner, **data, **({} if left else {"last": True}))


def _has_mail(owner: Owner) -> bool:
    return bool(settings.EMAILS_ENABLED and owner.email)


def _mail(template: str, owner: Owner, **data: Any) -> None:
    if _has_mail(owner):
        outbox.put(template, user_id=owner.id, **data)


def _record(kind: str, key: APIKey, reason: str = "", data: Data | None = None) -> None:
    audit_log.record(kind, user_id=key.owner_id, name=key.public_id, reason=reason, data=data or {})
