from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat, Now
from django.utils.timezone import now

from accounts.audit.reasons import Reason
from accounts.db import trigram_indexes
from accounts.errors import InvalidToken
from accounts.models import User
from apikeys import key_format
from apikeys.audit_codes import KeyReason
from apikeys.end_reasons import EndReason
from apikeys.errors import AlreadyRotated, KeyNotFound, ScopeReserved, TooManyKeys
from apikeys.scopes import GRANTED_AT, Scope, effective_scopes, with_scope

MAX_KEYS_PER_OWNER = 50  # live ones


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    def live(self) -> APIKeyQuerySet:
        """Return the keys that are neither ended nor expired, by the database's clock."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), ended_at=None)

    def end(self, reason: EndReason) -> int:
        """End these keys for good, on every node at once; return how many were live before."""
        return self.live().update(ended_at=Now(), ended_reason=reason)

    def ungranted(self, scope: Scope) -> APIKeyQuerySet:
        """Return live keys to which no operator has granted this reserved scope.

        They lack the scope, or have it by the role of their owner.
        """
        return self.live().filter(**{GRANTED_AT[scope]: None})

    def grant(self, scope: Scope) -> int:
        """Grant a reserved scope for the life of the keys, whatever role their owners get.

        Return how many keys got it.
        """
        added = Case(
            When(scope__regex=with_scope(scope), then=F("scope")),
            default=Concat(Value(f"{scope} "), "scope"),
        )
        return self.ungranted(scope).update(**{"scope": added, GRANTED_AT[scope]: Now()})

    def by_role(self) -> APIKeyQuerySet:
        """Return live keys that have a reserved scope by the role of their owner alone."""
        conditions = Q()
        for scope, granted_at in GRANTED_AT.items():
            conditions |= Q(**{"scope__regex": with_scope(scope), granted_at: None})
        return self.live().filter(conditions)

    def owned(self, owner_id: int, public_id: str) -> APIKey:
        """Return this owner's live key; ``KeyNotFound`` also for the key of another owner."""
        found = key_format.PUBLIC_ID.fullmatch(public_id)
        key: APIKey | None = (
            self.live().filter(pk=found[1], owner_id=owner_id).first() if found else None
        )
        if key is None:
            raise KeyNotFound(KeyReason.NO_SUCH_KEY)
        return key


class APIKeyManager(models.Manager.from_queryset(APIKeyQuerySet)):  # type: ignore[misc]
    @transaction.atomic
    def issue(
        self, owner_id: int, name: str = "API key", scopes: list[str] | None = None, **fields: Any
    ) -> tuple[APIKey, str]:
        """Return a new key and its text, which is shown only now.

        ``TooManyKeys`` beyond ``MAX_KEYS_PER_OWNER`` live ones, also for parallel requests.
        """
        self._lock_owner(owner_id)
        return self._issue(owner_id, name, scopes, **fields)

    @transaction.atomic
    def rotate(self, owner_id: int, public_id: str, overlap: timedelta) -> tuple[APIKey, str]:
        """Return a successor with the same name, effective scopes and length of life.

        The old key works for ``overlap`` longer, unless it expires earlier. ``ScopeReserved`` if
        no scope is effective, ``AlreadyRotated`` for a key that has a successor.
        """
        owner = self._lock_owner(owner_id)
        old = self.select_for_update().owned(owner_id, public_id)
        scopes = effective_scopes(old.scope, granted=old.granted, by_operator=owner.is_staff)
        if not scopes:
            raise ScopeReserved(KeyReason.SCOPE_RESERVED, data={"scope": old.scope})
        self._expire_after(old, overlap)
        return self._issue(
            owner_id,
            old.name,
            scopes,
            expires_at=_same_lifetime_from_now(old),
            **{column: getattr(old, column) for column in GRANTED_AT.values()},
        )

    def _lock_owner(self, owner_id: int) -> User:
        """Lock the owner's row: until commit, no key of this owner is made elsewhere.

        Nor is the owner deactivated or given another role.
        """
        owner = User.objects.lock_row(owner_id)
        if owner is None or not owner.is_active:
            raise InvalidToken(Reason.ACCOUNT_INACTIVE)
        return owner

    def _expire_after(self, key: APIKey, overlap: timedelta) -> None:
        at = now()
        expires_at = min(at + overlap, key.expires_at) if key.expires_at else at + overlap
        unrotated = self.live().filter(pk=key.pk, rotated_at=None)
        if not unrotated.update(rotated_at=at, expires_at=expires_at):
            raise AlreadyRotated(KeyReason.ROTATED_BEFORE)

    def _issue(
        self, owner_id: int, name: str, scopes: list[str] | None, **fields: Any
    ) -> tuple[APIKey, str]:
        if self.live().filter(owner_id=owner_id).count() >= MAX_KEYS_PER_OWNER:
            raise TooManyKeys(KeyReason.TOO_MANY_KEYS, data={"limit": MAX_KEYS_PER_OWNER})
        key_id, secret = key_format.new()
        key = self.create(
            id=key_id,
            owner_id=owner_id,
            name=name,
            scope=" ".join(sorted(set(scopes or [Scope.PROFILE]))),
            digest=key_format.digest(secret),
            last_four=secret[-4:],
            **fields,
        )
        return key, secret


class APIKey(models.Model):
    """A program's credential, which acts as its owner: shown once, stored as a digest."""

    id = models.CharField(max_length=8, primary_key=True)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, default="API key")
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scope = models.CharField(max_length=100, help_text="Names of scopes, separated by spaces.")
    granted_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=(
            "When an operator granted the scope introspect; without it, the scope ends with its "
            "owner's role."
        ),
    )
    revoke_granted_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=(
            "When an operator granted the scope revoke; without it, the scope ends with its "
            "owner's role."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.CharField(
        db_column="ended_why",  # the name that the column had before
        max_length=100,
        blank=True,
        help_text="A code: why it ended.",
    )

    objects: ClassVar[Any] = APIKeyManager()

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        indexes: ClassVar = [
            models.Index(fields=["owner", "created_at"]),
            models.Index(fields=["expires_at"], condition=Q(ended_at=None), name="key_expiring"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def public_id(self) -> str:
        return key_format.public_id(self.pk)

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and (self.expires_at is None or self.expires_at > now())

    @property
    def scopes(self) -> list[str]:
        return self.scope.split()

    @property
    def granted(self) -> list[Scope]:
        """The reserved scopes that an operator has granted."""
        return [scope for scope, column in GRANTED_AT.items() if getattr(self, column)]


NAME_INDEX = trigram_indexes.Index("key_search", APIKey, ("name",))
trigram_indexes.indexes.append(NAME_INDEX)


def _same_lifetime_from_now(key: APIKey) -> datetime | None:
    """Return the expiry of a successor of ``key``, capped at the last moment of the calendar."""
    if key.expires_at is None:
        return None
    at = now()
    return at + min(key.expires_at - key.created_at, datetime.max.replace(tzinfo=UTC) - at)
