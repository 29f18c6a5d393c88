"""Digests of the audit log's seals, and the key that they are made with."""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any, NamedTuple

from accounts import encryption
from accounts.audit.reasons import Reason
from accounts.errors import UnusableSealKey
from accounts.models import AuditSeal, SealKey

FIXED = ("at", "kind", "session", "contract", "request_id", "reason")
# An erasure may replace these.
PERSONAL = ("user_id", "actor_id", "name", "address", "data", "note")
CONTEXT = "key of the seals of the audit log"


class StoredEvent(NamedTuple):
    """An event as it is stored now."""

    id: int
    at: datetime
    values: dict[str, Any]


def key() -> bytes:
    """Return the key of the seals, made now if there is none.

    ``UnusableSealKey`` if it cannot be decrypted.
    On PostgreSQL ``manage.py setup`` makes it: the role of the web nodes may not.
    """
    stored = SealKey.objects.filter(pk=1).first()
    if stored is None:
        secret = secrets.token_bytes(32)
        sealed = encryption.encrypt(secret, CONTEXT)
        made = SealKey(pk=1, sealed=sealed, first_lock=token_digest(secret, 1))
        # Of two processes that make one at once, one is first.
        SealKey.objects.bulk_create([made], ignore_conflicts=True)
        stored = SealKey.objects.get(pk=1)
    return _open(stored)


def _open(stored: SealKey) -> bytes:
    try:
        return encryption.decrypt(stored.sealed, CONTEXT)
    except encryption.InvalidToken:
        raise UnusableSealKey(
            Reason.UNREADABLE, data={"what": "the key of the audit log's seals"}
        ) from None


def reencrypt() -> int:
    """Encrypt the key of the seals under the first encryption key; return the number of keys."""
    for stored in SealKey.objects.select_for_update():
        stored.sealed = encryption.encrypt(_open(stored), CONTEXT)
        stored.save(update_fields=["sealed"])
    return SealKey.objects.count()


def digest_of_value(secret: bytes, event_id: int, field: str, value: Any) -> bytes:
    return hmac.digest(secret, _canonical([event_id, field, value]), "sha256")


def digest_of_event(secret: bytes, row: StoredEvent, erased: dict[str, bytes]) -> bytes:
    """Return the digest of an event.

    ``erased`` has the digests of the values that an erasure replaced.
    """
    fixed = _canonical([row.id, *(row.values[field] for field in FIXED)])
    digests = []
    for field in PERSONAL:
        value = row.values[field]
        kept = erased.get(field) if is_erased(field, value) else None
        digests.append(kept or digest_of_value(secret, row.id, field, value))
    return hmac.digest(secret, b"".join(digests) + fixed, "sha256")[:16]


def digest_of_seal(secret: bytes, seal: AuditSeal) -> bytes:
    values = [seal.number, seal.after, seal.up_to, seal.last_at, seal.previous_at, seal.sealed_at]
    binary = (seal.token, seal.next_lock, seal.previous, seal.rows)
    return hmac.digest(
        secret, _canonical(values) + b"".join(bytes(each) for each in binary), "sha256"
    )


def token(secret: bytes, number: int) -> bytes:
    """Return the token of the seal with this number, without which PostgreSQL refuses the row.

    The database has the token's SHA-256 from the seal before, so that the right to add rows is not
    enough.
    """
    return hmac.digest(secret, _canonical(["token", number]), "sha256")


def token_digest(secret: bytes, number: int) -> bytes:
    """Return the SHA-256 of the token of the seal with this number."""
    return hashlib.sha256(token(secret, number)).digest()


def is_erased(field: str, value: Any) -> bool:
    """Return whether a value is one that an erasure leaves."""
    if field == "name":
        return bool(value.startswith("erased-"))
    return value in ({"data": {}, "note": "erased"}.get(field), None)


def _canonical(values: Any) -> bytes:
    return json.dumps(values, default=_plain, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
