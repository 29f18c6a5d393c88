"""Users and their roles."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import validate_email
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.audit.reasons import Reason
from accounts.hashing import uniform_timing
from accounts.identifiers import (
    IdentifierField,
    identifier_column,
    normalise,
    validate_username,
)
from accounts.models.password_reset import PasswordReset
from accounts.models.session import Session
from accounts.signals import account_deactivated
from accounts.validators import validate_region

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from accounts.models.known_network import KnownNetwork
    from accounts.models.outgoing_mail import OutgoingMail


# is_staff, is_superuser
ROLES = {"user": (False, False), "admin": (True, False), "super_admin": (True, True)}


class Role:
    """The role of a user, derived from Django's two flags."""

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


# Apps ask for the role with each request, so a change of it ends none of their sessions.
KEEPS_SESSIONS = frozenset({Reason.ROLE})
# The owner of the account is still the one who reads its mail.
KEEPS_RESETS = frozenset({Reason.ROLE, Reason.ENDED_BY_OPERATOR})


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

    def for_update(self) -> models.QuerySet[User]:
        """Return users whose rows are locked as they are read, in the order of their ids.

        The locks last until the transaction ends, and let rows that refer to a user be added.
        """
        return self.select_for_update(no_key=True).order_by("pk")

    def lock_row(self, pk: int) -> User | None:
        """Lock the row of one user until the transaction ends; return the user as it is now.

        Rows that belong to the user are locked after it: in one order nobody waits in a circle.
        """
        return self.for_update().filter(pk=pk).first()

    def find(self, identifier: str) -> User | None:
        """Return the user with this e-mail address, where it holds an ``@``, or else user name."""
        normalised = normalise(identifier)
        return self.filter(**{identifier_column(normalised): normalised}).first()


class User(Role, AbstractBaseUser, PermissionsMixin):
    """An account: a user name in one spelling, and at most one e-mail address."""

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
    # Some imported hashes are longer than Django's column.
    password = models.CharField(_("password"), max_length=255)
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
    credential_version = models.PositiveIntegerField(
        default=0,
        db_column="epoch",  # its name up to 0.1.0: nodes of that release use the same table
        editable=False,
        help_text=(
            "Rises with a new password and a deactivation. A login begun before does not finish."
        ),
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
        # For lists of the few among the many. The index of parts of names is in user_search.
        indexes: ClassVar = [
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
        """Change nothing: fields normalise themselves, and Django would lower half an address."""

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a deactivated account or a new password also invalidates the credentials."""
        new, password_set = self._state.adding, getattr(self, "_password", None) is not None
        super().save(*args, **kwargs)
        if not new and password_set:
            self.forget_generated_password()
        if not new and not self.is_active:
            self.invalidate_credentials(Reason.ACCOUNT_INACTIVE)
        elif not new and password_set:
            self.invalidate_credentials(Reason.PASSWORD_SET)

    def forget_generated_password(self) -> None:
        """Delete the file with the generated password of the first admin, once it is replaced."""
        if self.password_generated:
            User.objects.filter(pk=self.pk).update(password_generated=False)
            self.password_generated = False
            transaction.on_commit(lambda: settings.FIRST_PASSWORD_FILE.unlink(missing_ok=True))

    def check_password(self, raw_password: Any) -> bool:
        """Return whether this is the password, with the even work of every check.

        It upgrades no hash.
        """
        return uniform_timing.check(raw_password, self.password, str(self.username)).right

    def invalidate_credentials(self, reason: str, *, keep: UUID | None = None) -> int:
        """Invalidate what opens the account beside its password; return how many sessions ended.

        That is logins and challenges under way, the browser sessions of the admin site, sessions
        except ``keep``, and password resets; of a deactivated account, what other apps hold. For
        some reasons sessions or resets go on: ``KEEPS_SESSIONS``, ``KEEPS_RESETS``. Callers hold
        the account's row locked, as by an update in the same transaction.
        """
        if reason not in KEEPS_RESETS:
            PasswordReset.objects.filter(user=self).void()
        version = models.F("credential_version") + 1
        User.objects.filter(pk=self.pk).update(credential_version=version)
        self.refresh_from_db(fields=["credential_version"])
        ended = 0
        if reason not in KEEPS_SESSIONS:
            sessions = Session.objects.filter(user=self)
            ended = (sessions.exclude(pk=keep) if keep else sessions).revoke(reason)
        if reason == Reason.ACCOUNT_INACTIVE:
            account_deactivated.send(User, user=self)
        return ended

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Tie Django's sessions, those of the admin, to the credential version.

        Hashing a password anew at today's cost ends none of them.
        """
        return str(
            salted_hmac(
                "accounts.User.epoch",  # another salt would end the sessions of operators
                f"{self.uuid}:{self.credential_version}",
                secret=secret,
                algorithm="sha256",
            ).hexdigest()
        )
