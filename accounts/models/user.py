"""What is stored: people, their sessions, the keys that sign, and what happened."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import validate_email
from django.db import models, transaction
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.audit.reasons import Reason
from accounts.db.compiled_statements import CompiledQuery
from accounts.hashing import uniform_timing
from accounts.identifiers import IdentifierField, is_address, normalise, validate_username
from accounts.models.audit_event import AuditEvent as AuditEvent
from accounts.models.audit_seal import AuditSeal as AuditSeal
from accounts.models.audit_seal import ErasedValue as ErasedValue
from accounts.models.audit_seal import SealKey as SealKey
from accounts.models.fields import KindField
from accounts.models.hourly_count import HourlyCount as HourlyCount
from accounts.models.known_network import KnownNetwork as KnownNetwork
from accounts.models.pending_import import WaitingImport as WaitingImport
from accounts.request_context import Origin
from accounts.signals import account_deactivated
from accounts.validators import validate_region

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


ROLES = {
    "user": (False, False),
    "admin": (True, False),
    "super_admin": (True, True),
}  # is_staff, is_superuser


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

    def find_from(
        self, identifier: str, network: str | None
    ) -> tuple[User | None, datetime | None]:
        """As ``find``, and when the account was last seen on this network, in the same query."""
        typed = normalise(identifier)
        return (_by_email_from if is_address(typed) else _by_username_from).get(typed, network) or (
            None,
            None,
        )


class User(Role, AbstractBaseUser, PermissionsMixin):
    """One person, with one name in one spelling and at most one e-mail address."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    username = IdentifierField(
        _("username"), max_length=150, unique=True, validators=[validate_username]
    )
    email = IdentifierField(
        _("e-mail address"),
        max_length=254,
        unique=True,
        null=True,
        blank=True,
        validators=[validate_email],
    )
    password = models.CharField(
        _("password"), max_length=255
    )  # some hashes from elsewhere are longer than Django's
    name = models.CharField(_("name"), max_length=200, blank=True)
    organization = models.CharField(max_length=200, blank=True)
    aws_region = models.CharField(
        "AWS region", max_length=50, blank=True, validators=[validate_region]
    )
    language = models.CharField(
        max_length=10,
        blank=True,
        choices=settings.LANGUAGES,
        help_text="Of mails; empty: that of whoever asked.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switching this off ends every session at once."
    )
    is_staff = models.BooleanField("admin", default=False, help_text="May work in this admin.")
    must_change_password = models.BooleanField(
        default=False, help_text="No tokens until a new password was chosen."
    )
    password_generated = models.BooleanField(
        default=False,
        db_default=False,  # for nodes of the release before, which do not know the column
        editable=False,
        help_text="The password is still the one that was generated for the first admin.",
    )
    epoch = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Counts what voids earlier proofs: a new password, a deactivation. A login begun before it moved does not finish.",
    )
    erased_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="What is left then is an empty account that nobody can use.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    if TYPE_CHECKING:
        known_networks: RelatedManager[KnownNetwork]
        sessions: RelatedManager[Session]
        resets: RelatedManager[PasswordReset]
        mails: RelatedManager[OutgoingMail]

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(username=Lower("username")), name="user_username_lower"
            ),
            models.CheckConstraint(
                condition=~models.Q(username__contains="@") & ~models.Q(username=""),
                name="user_username_no_at_sign",
            ),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_lower"
            ),
            models.CheckConstraint(
                condition=models.Q(email__contains="@"), name="user_email_at_sign"
            ),
        ]
        indexes: ClassVar = [  # for lists of the few among the many; that of parts of names is in accounts.user_search
            models.Index(
                fields=["username"], condition=models.Q(is_active=False), name="user_deactivated"
            ),
            models.Index(
                fields=["username"],
                condition=models.Q(must_change_password=True),
                name="user_must_change",
            ),
            models.Index(
                fields=["username"],
                condition=models.Q(password__startswith=UNUSABLE_PASSWORD_PREFIX),
                name="user_no_password",
            ),
            models.Index(
                fields=["username"],
                condition=models.Q(is_staff=True) | models.Q(is_superuser=True),
                name="user_operators",
            ),
        ]

    def __str__(self) -> str:
        return str(self.username)

    def clean(self) -> None:
        """Django's own would drop half of an address's case; the fields normalise themselves."""

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also invalidates the credentials of an account that is not active, or whose password was set anew."""
        new, password_set = self._state.adding, getattr(self, "_password", None) is not None
        super().save(*args, **kwargs)
        if not new and password_set:
            self.forget_generated_password()
        if not new and not self.is_active:
            self.invalidate_credentials(Reason.ACCOUNT_INACTIVE)
            account_deactivated.send(User, user=self)
        elif not new and password_set:
            self.invalidate_credentials(Reason.PASSWORD_SET)

    def forget_generated_password(self) -> None:
        """The password has been replaced: if it was the generated one, the file that told it goes too."""
        if self.password_generated:
            User.objects.filter(pk=self.pk).update(password_generated=False)
            self.password_generated = False
            transaction.on_commit(lambda: settings.FIRST_PASSWORD_FILE.unlink(missing_ok=True))

    def check_password(self, raw_password: Any) -> bool:
        """Return whether this is the password, at the cost and in the queue of every other check.

        It upgrades no hash.
        """
        return uniform_timing.check(raw_password, self.password, str(self.username)).right

    def invalidate_credentials(self, why: str, *, keep: UUID | None = None) -> int:
        """Void what opens the account beside its password: sessions except ``keep``, logins under way, password resets.

        Returns how many sessions were live. Callers hold the account's row locked, as by an update in the same transaction.
        """
        PasswordReset.objects.filter(
            user=self
        ).void()  # whoever can read old mail does not get in with it
        return self.end_sessions(why, keep=keep)

    def end_sessions(self, why: str, *, keep: UUID | None = None) -> int:
        """End the sessions of this account, except ``keep``, and void every login under way; how many sessions were live."""
        self.void_logins()
        sessions = Session.objects.filter(user=self)
        return (sessions.exclude(pk=keep) if keep else sessions).revoke(why)

    def void_logins(self) -> None:
        """Void the logins and challenges under way, and the sessions of the admin."""
        User.objects.filter(pk=self.pk).update(epoch=models.F("epoch") + 1)
        self.refresh_from_db(fields=["epoch"])

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's sessions, those of the admin, end with the epoch: hashing a password anew at today's cost ends none."""
        return str(
            salted_hmac(
                "accounts.User.epoch",
                f"{self.uuid}:{self.epoch}",
                secret=secret,
                algorithm="sha256",
            ).hexdigest()
        )


_fields = [field.attname for field in User._meta.concrete_fields]


def _finder(column: str) -> CompiledQuery[User]:
    """An account by a unique column, all its fields loaded."""
    return CompiledQuery(
        build=lambda typed: User.objects.filter(**{column: typed}).values_list(*_fields),
        field=lambda: User._meta.get_field(column),
        sample=_samples[column],
        row=lambda *values: User.from_db("default", _fields, values),
    )


def _finder_from(column: str) -> CompiledQuery[tuple[User, datetime | None]]:
    """An account by a unique column, and when it was last seen on a network."""

    def build(typed: str, network: str) -> models.QuerySet[User, tuple[object, ...]]:
        seen = KnownNetwork.objects.filter(user=models.OuterRef("pk"), network=network).values(
            "last_seen_at"
        )
        return (
            User.objects.filter(**{column: typed})
            .annotate(seen=models.Subquery(seen[:1]))
            .values_list(*_fields, "seen")
        )

    return CompiledQuery(
        build=build,
        field=lambda: User._meta.get_field(column),
        sample=_samples[column],
        row=lambda *values: (User.from_db("default", _fields, values[:-1]), values[-1]),
        more=((lambda: KnownNetwork._meta.get_field("network"), "192.0.2.1"),),
    )


_samples = {"username": "sample", "email": "sample@"}
_by_username, _by_email = _finder("username"), _finder("email")
_by_username_from, _by_email_from = _finder_from("username"), _finder_from("email")


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> SessionQuerySet:
        """Neither ended nor expired, by the database's clock: every node asks the same one."""
        return self.filter(revoked_at=None, expires_at__gt=Now())

    @transaction.atomic(savepoint=False)
    def revoke(self, why: str) -> int:
        """End these sessions and blacklist the refresh tokens that are out for them; how many were live until now."""
        live = Session.objects.filter(pk__in=list(self.live().values_list("pk", flat=True)))
        ended = live.filter(revoked_at=None).update(revoked_at=Now(), revoked_why=why)
        blacklist(
            live.exclude(refresh_jti="").values("refresh_jti")
        )  # read last: until now a rotation may have replaced them
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
        max_length=32,
        blank=True,
        help_text="The one refresh token that is good now; empty where none was given out.",
    )
    previous_jti = models.CharField(
        max_length=32, blank=True, help_text="The one that rotation replaced by it."
    )
    rotated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_why = models.CharField(max_length=100, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="session_newest"),
            models.Index(fields=["contract", "created_at"], name="session_newest_of_contract"),
        ]

    def __str__(self) -> str:
        return f"{self.contract} session {self.pk}"


def blacklist(tokens: models.QuerySet[Any, Any]) -> None:
    """Put the refresh tokens with these ids on SimpleJWT's blacklist; twice is once."""
    outstanding = OutstandingToken.objects.filter(jti__in=tokens).values_list("pk", flat=True)
    BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token_id=pk) for pk in outstanding], ignore_conflicts=True
    )


class PasswordResetQuerySet(models.QuerySet["PasswordReset"]):
    def usable(self) -> PasswordResetQuerySet:
        """By its link at least: wrong codes end no link, or strangers who guess at codes would."""
        return self.filter(used_at=None, expires_at__gt=Now())

    def open_to_codes(self) -> PasswordResetQuerySet:
        return self.usable().filter(wrong_tries__lt=PasswordReset.TRIES).exclude(code_digest="")

    def void(self) -> int:
        """Let neither link nor code of these open anything; how many had not been used, and had not expired."""
        return self.filter(used_at=None, expires_at__gt=Now()).update(used_at=Now())


class PasswordReset(models.Model):
    """One way back in, sent by mail as a link's token and as a code, of which digests are kept. Using one uses up both."""

    TRIES = 5

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="resets")
    mail = models.ForeignKey(
        "OutgoingMail",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What it was sent with.",
    )
    token_digest = models.CharField(max_length=64, unique=True)
    code_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    wrong_tries = models.PositiveSmallIntegerField(
        default=0, help_text="Wrong codes; the fifth ends the code, never the link."
    )

    objects = PasswordResetQuerySet.as_manager()

    def __str__(self) -> str:
        return f"reset for {self.user}"

    def use(self, *, by_code: bool = False) -> bool:
        """Use it up, link and code; False if somebody else did so first, or it ended."""
        usable = (
            PasswordReset.objects.open_to_codes() if by_code else PasswordReset.objects.usable()
        )
        return bool(usable.filter(pk=self.pk).update(used_at=Now()))


def _old_reset() -> models.Q:
    return models.Q(kind=OutgoingMail.Kind.RESET, created_at__lt=now() - settings.RESET_LIFETIME)


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def waiting(self) -> OutgoingMailQuerySet:
        return self.filter(closed_at=None)

    def due(self) -> OutgoingMailQuerySet:
        return self.waiting().filter(next_try_at__lte=now()).order_by("next_try_at")

    def next_due(self) -> OutgoingMail | None:
        """Return the mail to send next: people wait for resets, then for invitations; notices come after both.

        The first of each kind is found in the index, and the next mail is one of those.
        """
        due = self.due().values("pk")
        firsts: list[Any] = [
            models.Subquery(due.filter(kind=kind)[:1]) for kind in OutgoingMail.Kind
        ]
        awaited = [
            models.When(kind=kind, then=place)
            for place, kind in enumerate([OutgoingMail.Kind.RESET, OutgoingMail.Kind.INVITATION])
        ]
        precedence = models.Case(*awaited, default=len(awaited))
        return (
            self.select_related("user")
            .filter(pk__in=firsts)
            .order_by(precedence, "next_try_at")
            .first()
        )

    def between_tries(self) -> OutgoingMailQuerySet:
        """Mails that wait for their next try, and that no worker is sending."""
        at = now()
        return self.waiting().filter(
            models.Q(claimed_until=None) | models.Q(claimed_until__lte=at), next_try_at__gt=at
        )

    def outdated(self) -> OutgoingMailQuerySet:
        """Failed resets so old that their link would have expired: whoever asked for one expects it no more."""
        return self.filter(_old_reset(), fate=OutgoingMail.Fate.FAILED)

    def repeatable(self) -> OutgoingMailQuerySet:
        """Failed mails that can be sent again as they are."""
        return self.filter(~_old_reset(), fate=OutgoingMail.Fate.FAILED)

    def send_again(self) -> int:
        """Put what failed back into the queue, for another day."""
        at = now()
        return self.repeatable().update(
            fate=OutgoingMail.Fate.WAITING,
            closed_at=None,
            next_try_at=at,
            give_up_at=at + timedelta(days=1),
            tries=0,
        )

    def send_now(self) -> int:
        """Try now what waits for its next try. Mails that a worker is sending are left to it."""
        return self.between_tries().update(next_try_at=now())


class OutgoingMail(models.Model):
    """A mail that was asked for, and what became of it. It holds no secret: these are made when it is sent."""

    class Kind(models.TextChoices):
        RESET = "reset", "Reset link and code"
        INVITATION = "invitation", "Invitation to choose a password"
        PASSWORD_CHANGED = "password_changed", "Word that the password was changed"
        NEW_NETWORK = "new_network", "Word of a sign-in from a new network"
        KEYS_REMAIN = "keys_remain", "Word that API keys outlived a reset"
        KEY_LEAKED = "key_leaked", "Word that an API key was reported as leaked"
        IDENTIFIERS_CHANGED = "identifiers_changed", "Word that user name or e-mail changed"
        ROLE_CHANGED = "role_changed", "Word that the role changed"
        KEY_CREATED = "key_created", "Word that an API key was made"
        KEY_ROTATED = "key_rotated", "Word that an API key was rotated"

    class Fate(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        NOBODY = "nobody", "Nobody to send it to"
        ENOUGH = "enough", "Not sent: enough for this hour"
        FAILED = "failed", "Failed"

    kind = KindField(max_length=20, choices=Kind.choices)
    typed = models.CharField(
        max_length=254,
        blank=True,
        help_text="The name or address that somebody typed; nobody was looked up then.",
    )
    user = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="mails"
    )
    fate = models.CharField(max_length=10, choices=Fate.choices, default=Fate.WAITING)
    recipient = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=10, blank=True)
    contract = models.CharField(max_length=20, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then a worker is sending it, unless it died."
    )
    tries = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(
        max_length=500, blank=True, help_text="What the mail server said last."
    )
    data = models.JSONField(default=dict, blank=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["kind", "next_try_at"],
                condition=models.Q(closed_at=None),
                name="outgoing_mail_due_of_kind",
            ),
            models.Index(fields=["kind", "id"], name="outgoing_mail_of_kind"),
            models.Index(fields=["typed"], name="outgoing_mail_typed"),
            models.Index(fields=["user", "created_at"]),
            models.Index(fields=["fate", "closed_at"], name="outgoing_mail_closed"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail, {self.fate}"

    def origin(self) -> Origin:
        """Where it was asked for."""
        return Origin(
            address=self.address,
            user_agent=self.user_agent,
            request_id=self.request_id,
            contract=self.contract,
        )

    @property
    def is_between_tries(self) -> bool:
        at = now()
        return (
            self.closed_at is None
            and self.next_try_at > at
            and not (self.claimed_until and self.claimed_until > at)
        )

    @property
    def is_outdated(self) -> bool:
        old = self.kind == self.Kind.RESET and self.created_at < now() - settings.RESET_LIFETIME
        return old and self.fate == self.Fate.FAILED

    @property
    def given_address(self) -> str:
        """The address that it was asked for with; empty for one that goes to its user's."""
        return self.data.get("to") or ""

    @property
    def addressee(self) -> str:
        return self.given_address or (self.user.email or "" if self.user else "")

    def claim(self, length: timedelta) -> bool:
        """Take the row for as long as one try may last; False if another worker was first."""
        claimed = OutgoingMail.objects.waiting().filter(pk=self.pk, next_try_at=self.next_try_at)
        self.tries += 1
        until = now() + length
        return bool(claimed.update(next_try_at=until, claimed_until=until, tries=self.tries))

    def close(self, fate: str) -> None:
        self.fate, self.closed_at, self.recipient = fate, now(), self.addressee
        self.error = self.error if fate == self.Fate.FAILED else ""
        self.claimed_until = None
        self.save(
            update_fields=["fate", "closed_at", "claimed_until", "recipient", "error", "user"]
        )

    def fail(self, error: str) -> None:
        self.error = error
        self.close(self.Fate.FAILED)

    def put_off(self, error: str) -> None:
        """Try again after twice the last pause, from 15 s up to an hour; give up after a day."""
        self.error = error
        self.next_try_at = now() + min(
            timedelta(seconds=15 * 2 ** min(self.tries - 1, 10)), timedelta(hours=1)
        )
        if self.next_try_at > self.give_up_at:
            return self.close(self.Fate.FAILED)
        self.claimed_until = None
        return self.save(update_fields=["error", "next_try_at", "claimed_until", "user"])


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
    retires_at = models.DateTimeField(
        null=True, help_text="When the last token that it signed has expired."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["use"],
                condition=models.Q(use__in=["next", "current"]),
                name="one_signing_key_per_use",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid} ({self.use})"
