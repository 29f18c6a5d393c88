"""Keys for programs: shown once, kept as a digest. And the credentials of providers: shown masked, kept encrypted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Concat, Now
from django.utils.timezone import now

from accounts import encryption
from accounts.audit.reasons import Reason
from accounts.db import trigram_indexes
from accounts.errors import InvalidToken
from accounts.models import User
from accounts.validators import validate_region
from apikeys import key_format
from apikeys.end_reasons import EndReason
from apikeys.errors import AlreadyRotated, KeyNotFound, ScopeReserved, TooManyKeys, UnreadableSecret

MOST = 50  # live keys of one owner


class Scope(models.TextChoices):
    PROFILE = "profile", "Who am I, and is this key good"
    INTROSPECT = "introspect", "Ask about the tokens of others"


RESERVED = Scope.INTROSPECT  # a scope that shows the tokens of others: operators grant it
HAS_RESERVED = rf"(^| ){RESERVED}( |$)"


def in_force(scope: str, *, granted: bool, by_operator: bool) -> list[str]:
    """The scopes that a key has at this moment: the reserved one if it was granted, or while the owner is an operator."""
    return [each for each in scope.split() if each != RESERVED or granted or by_operator]


class APIKeyQuerySet(models.QuerySet["APIKey"]):
    def live(self) -> APIKeyQuerySet:
        """Neither ended nor expired, by the database's clock."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=Now()), ended_at=None
        )

    def end(self, why: EndReason) -> int:
        """End these keys for good, on every node at once; how many were live until now."""
        return self.live().update(ended_at=Now(), ended_why=why)

    def ungranted(self) -> APIKeyQuerySet:
        """Live keys to which no operator has granted the reserved scope: they lack it, or an operator made them with it."""
        return self.live().filter(granted_at=None)

    def grant(self) -> int:
        """Give the reserved scope to keys, for as long as they live, whatever becomes of their owners; return how many got it."""
        added = Case(
            When(scope__regex=HAS_RESERVED, then=F("scope")),
            default=Concat(Value(f"{RESERVED} "), "scope"),
        )
        return self.ungranted().update(scope=added, granted_at=Now())

    def by_role(self) -> APIKeyQuerySet:
        """Live keys with the reserved scope that have it by the role of their owner alone."""
        return self.ungranted().filter(scope__regex=HAS_RESERVED)

    def owned(self, owner_id: int, public_id: str) -> APIKey:
        """The live key of this id, if it is this owner's: somebody else's is as good as none."""
        found = key_format.PUBLIC_ID.fullmatch(public_id)
        key: APIKey | None = (
            self.live().filter(pk=found[1], owner_id=owner_id).first() if found else None
        )
        if key is None:
            raise KeyNotFound(Reason.NO_SUCH_KEY)
        return key


class APIKeyManager(models.Manager.from_queryset(APIKeyQuerySet)):  # type: ignore[misc]
    @transaction.atomic
    def issue(
        self, owner_id: int, name: str = "API key", scopes: list[str] | None = None, **fields: Any
    ) -> tuple[APIKey, str]:
        """A new key and its text, which nobody will be shown again. ``TooManyKeys`` beyond fifty live ones, asked for at once or not."""
        self._hold(owner_id)
        return self._issue(owner_id, name, scopes, **fields)

    def _hold(self, owner_id: int) -> User:
        """Let nobody else make keys of this owner, deactivate or demote them, until this transaction ends."""
        owner: User | None = (
            User.objects.select_for_update(no_key=True).filter(pk=owner_id, is_active=True).first()
        )
        if owner is None:
            raise InvalidToken(Reason.ACCOUNT_INACTIVE)
        return owner

    def _issue(
        self, owner_id: int, name: str, scopes: list[str] | None, **fields: Any
    ) -> tuple[APIKey, str]:
        if self.live().filter(owner_id=owner_id).count() >= MOST:
            raise TooManyKeys(Reason.TOO_MANY_KEYS, data={"limit": MOST})
        key_id, secret = key_format.new()
        scope = " ".join(sorted(set(scopes or [Scope.PROFILE])))
        key = self.create(
            id=key_id,
            owner_id=owner_id,
            name=name,
            scope=scope,
            digest=digest(secret),
            last_four=secret[-4:],
            **fields,
        )
        return key, secret

    @transaction.atomic
    def rotate(self, owner_id: int, public_id: str, overlap: timedelta) -> tuple[APIKey, str]:
        """A successor with the same name, scopes and length of life; the old key goes on for ``overlap``, if it would live that long.

        It has the scopes that are in force. ``ScopeReserved`` if none is.
        """
        owner = self._hold(owner_id)
        old = self.select_for_update().owned(owner_id, public_id)
        scopes = in_force(old.scope, granted=old.granted_at is not None, by_operator=owner.is_staff)
        if not scopes:
            raise ScopeReserved(Reason.SCOPE_RESERVED, data={"scope": str(RESERVED)})
        until = now() + overlap
        ends = min(until, old.expires_at) if old.expires_at else until
        if (
            not self.live()
            .filter(pk=old.pk, rotated_at=None)
            .update(rotated_at=now(), expires_at=ends)
        ):
            raise AlreadyRotated(Reason.ROTATED_BEFORE)
        life = old.expires_at - old.created_at if old.expires_at else None
        at = now()
        longest = datetime.max.replace(tzinfo=UTC) - at
        ends = at + min(life, longest) if life else None
        return self._issue(owner_id, old.name, scopes, expires_at=ends, granted_at=old.granted_at)


class APIKey(models.Model):
    """A program's way in, as its owner."""

    id = models.CharField(max_length=8, primary_key=True)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, default="API key")
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    scope = models.CharField(max_length=100, help_text="Names of scopes, separated by spaces.")
    granted_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When an operator granted the scope introspect; without it, the scope ends with its owner's role.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=100, blank=True, help_text="A code: why it ended.")

    objects: ClassVar[Any] = APIKeyManager()

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        indexes: ClassVar = [
            models.Index(fields=["owner", "created_at"]),
            models.Index(
                fields=["expires_at"], condition=models.Q(ended_at=None), name="key_expiring"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"

    @property
    def public_id(self) -> str:
        return f"key_{self.pk}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and (self.expires_at is None or self.expires_at > now())

    @property
    def scopes(self) -> list[str]:
        return self.scope.split()


NAMES = trigram_indexes.Index("key_search", APIKey, ("name",))
trigram_indexes.indexes.append(NAMES)


class KnownAddress(models.Model):
    """A network that a key was used from."""

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="addresses")
    network = models.CharField(max_length=50)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "network"], name="one_row_per_key_and_network")
        ]

    def __str__(self) -> str:
        return f"{self.network} of {self.key_id}"


def digest(secret: str) -> str:
    """What is kept of a key: its SHA-256 suffices, since nobody can try 190 bits."""
    return sha256(secret.encode()).hexdigest()


# What is stored ends up in examples that are pasted into shells: no character that means anything there can come in.
validate_key_id = RegexValidator(
    r"\A[A-Z0-9]{16,128}\Z", "An access key id is 16 to 128 capital letters and digits."
)
validate_secret = RegexValidator(
    r"\A[!-~]{1,4096}\Z",
    "A secret is one line of ASCII letters, digits and signs, without a space.",
)


class ProviderCredential(models.Model):
    """What opens an upstream service, encrypted: one row for each provider."""

    class Provider(models.TextChoices):
        AWS = "aws", "AWS"
        NVIDIA = "nvidia", "NVIDIA"

    provider = models.CharField(max_length=10, primary_key=True, choices=Provider.choices)
    key_id = models.CharField(
        "access key id",
        max_length=128,
        blank=True,
        validators=[validate_key_id],
        help_text="Of AWS only.",
    )
    region = models.CharField(
        max_length=50,
        blank=True,
        validators=[validate_region],
        help_text="Of AWS only; an account's own region goes first.",
    )
    sealed = models.TextField(editable=False, help_text="The secret, encrypted for this row.")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.get_provider_display()} credentials"

    def clean(self) -> None:
        """AWS has both an access key id and a region; no other provider has either."""
        has = self.provider == self.Provider.AWS
        wrong = [field for field in ("key_id", "region") if bool(getattr(self, field)) != has]
        if wrong:
            raise ValidationError(
                dict.fromkeys(wrong, "AWS needs one." if has else "Only AWS has one.")
            )

    def seal(self, secret: str) -> None:
        validate_secret(secret)
        self.sealed = encryption.encrypt(secret.encode(), self._context)

    def open(self) -> str:
        """The secret itself, which no caller may let out of this process."""
        try:
            return encryption.decrypt(self.sealed, self._context).decode()
        except encryption.InvalidToken as error:
            raise UnreadableSecret(
                Reason.UNREADABLE, data={"what": f"the secret of {self}", "provider": self.provider}
            ) from error

    @property
    def _context(self) -> str:
        return f"provider {self.provider}"
