"""What is stored: people, their sessions, the keys that sign, and what happened."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import validate_email
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.compiled import CompiledQuery
from accounts.identifiers import IdentifierField, is_address, normalise, validate_username

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Role:
    """What an account may do, read from Django's two flags each time it is asked."""

    __slots__ = ()
    is_staff: Any
    is_superuser: Any

    @property
    def role(self) -> str:
        if self.is_superuser:
            return "super_admin"
        return "admin" if self.is_staff else "user"

    @property
    def is_admin(self) -> bool:
        return bool(self.is_staff or self.is_superuser)


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(username=normalise(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(username, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username=username)

    def find(self, identifier: str) -> User | None:
        """Whoever is meant by what was typed: with an ``@`` an e-mail address, else a user name."""
        typed = normalise(identifier)
        return (_by_email if is_address(typed) else _by_username).get(typed)


class User(Role, AbstractBaseUser, PermissionsMixin):
    """One person, with one name in one spelling and at most one e-mail address."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = IdentifierField(max_length=150, unique=True, validators=[validate_username])
    email = IdentifierField("e-mail address", max_length=254, unique=True, null=True, blank=True, validators=[validate_email])
    name = models.CharField(max_length=200, blank=True)
    organization = models.CharField(max_length=200, blank=True)
    aws_region = models.CharField("AWS region", max_length=50, blank=True)
    is_active = models.BooleanField("active", default=True, help_text="Switching this off ends every session at once.")
    is_staff = models.BooleanField("admin", default=False, help_text="May work in this admin.")
    must_change_password = models.BooleanField(default=False, help_text="No tokens until a new password was chosen.")
    epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Counts what voids earlier proofs: a new password, a deactivation. A login begun before it moved does not finish.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    if TYPE_CHECKING:
        sessions: RelatedManager[Session]

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(username=Lower("username")), name="user_username_lower"),
            models.CheckConstraint(condition=~models.Q(username__contains="@") & ~models.Q(username=""), name="user_username_no_at_sign"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower"),
            models.CheckConstraint(condition=models.Q(email__contains="@"), name="user_email_at_sign"),
        ]

    def __str__(self) -> str:
        return str(self.username)

    def clean(self) -> None:
        """Django's own would drop half of an address's case; the fields normalise themselves."""

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also ends every session of an account that is not active, or whose password was set anew: whoever does it, and where."""
        new, password_set = self._state.adding, getattr(self, "_password", None) is not None
        super().save(*args, **kwargs)
        if not new and not self.is_active:
            self.end_sessions("account deactivated")
        elif not new and password_set:
            self.end_sessions("password set anew")

    def end_sessions(self, why: str) -> int:
        """End every session of this account and void every login under way; how many sessions were live."""
        User.objects.filter(pk=self.pk).update(epoch=models.F("epoch") + 1)
        self.refresh_from_db(fields=["epoch"])
        return Session.objects.filter(user=self).revoke(why)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's sessions, those of the admin, end with the epoch: hashing a password anew at today's cost ends none."""
        return str(salted_hmac("accounts.User.epoch", f"{self.uuid}:{self.epoch}", secret=secret, algorithm="sha256").hexdigest())


def _finder(column: str) -> CompiledQuery[User]:
    """An account by a unique column, all its fields loaded."""
    fields = [field.attname for field in User._meta.concrete_fields]
    return CompiledQuery(
        build=lambda typed: User.objects.filter(**{column: typed}).values_list(*fields),
        field=lambda: User._meta.get_field(column),
        sample="sample@" if column == "email" else "sample",
        row=lambda *values: User.from_db("default", fields, values),
    )


_by_username, _by_email = _finder("username"), _finder("email")


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> SessionQuerySet:
        """Neither ended nor expired, by the database's clock: every node asks the same one."""
        return self.filter(revoked_at=None, expires_at__gt=Now())

    @transaction.atomic(savepoint=False)
    def revoke(self, why: str) -> int:
        """End these sessions and blacklist the refresh tokens that are out for them; how many were live until now."""
        live = self.live()
        tokens = [token for token in live.values_list("refresh_jti", flat=True) if token]
        ended = live.update(revoked_at=Now(), revoked_why=why)
        blacklist(tokens)
        return ended


class Session(models.Model):
    """One login. Its id is the ``sid`` of every token made from it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    contract = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=255, blank=True)
    refresh_jti = models.CharField(
        max_length=32, blank=True, help_text="The one refresh token that is good now; empty where none was given out."
    )
    previous_jti = models.CharField(max_length=32, blank=True, help_text="The one that rotation replaced by it.")
    rotated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_why = models.CharField(max_length=100, blank=True)

    objects = SessionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.contract} session {self.pk}"


def blacklist(tokens: Iterable[str]) -> None:
    """Put the refresh tokens with these ids on SimpleJWT's blacklist; twice is once."""
    outstanding = OutstandingToken.objects.filter(jti__in=list(tokens)).values_list("pk", flat=True)
    BlacklistedToken.objects.bulk_create([BlacklistedToken(token_id=pk) for pk in outstanding], ignore_conflicts=True)


class SigningKey(models.Model):
    """A key that signs tokens: published before it signs, and verifying for as long as what it signed may live."""

    class Use(models.TextChoices):
        NEXT = "next", "Next: published, not signing yet"
        CURRENT = "current", "Current: signs"
        PREVIOUS = "previous", "Previous: only verifies"

    kid = models.CharField("key id", max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=10)
    private = models.TextField(help_text="PKCS #8 or raw secret, encrypted.", editable=False)
    use = models.CharField(max_length=10, choices=Use.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    retires_at = models.DateTimeField(null=True, help_text="When the last token that it signed has expired.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["use"], condition=models.Q(use__in=["next", "current"]), name="one_signing_key_per_use"),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid} ({self.use})"


class AuditEvent(models.Model):
    """Something that happened, as it was seen then. Rows are only ever added."""

    class Kind(models.TextChoices):
        LOGIN = "login", "Login"
        LOGIN_FAILED = "login_failed", "Login refused"
        THROTTLED = "throttled", "Throttled"
        REFRESH_FAILED = "refresh_failed", "Refresh refused"
        REFRESH_REUSED = "refresh_reused", "Spent refresh token used again"
        LOGOUT = "logout", "Logout"
        REVOKE = "revoke", "Token revoked"
        ACCOUNT_CHANGED = "account_changed", "Account changed by an operator"

    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=30, choices=Kind.choices)
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=150, blank=True, help_text="What was typed, or the account's name then.")
    session = models.UUIDField(null=True)
    contract = models.CharField(max_length=20, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="The true reason; the client was told less.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "at"]), models.Index(fields=["request_id"]), models.Index(fields=["at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
