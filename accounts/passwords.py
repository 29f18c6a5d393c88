"""The life of a password: whether it is right, how it is changed, and the ways back in for who has forgotten it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import sign_ins
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import (
    HashingOverloaded,
    InvalidChallenge,
    InvalidCredentials,
    UnknownAccount,
    WeakPassword,
)
from accounts.hashing import uniform_timing
from accounts.mail import outbox
from accounts.models import User
from accounts.rate_limits import LoginAttempt
from accounts.signals import outlives_password

Kind = audit_log.Kind


def authenticate(identifier: str, password: str, attempt: LoginAttempt | None = None) -> User:
    """The active account of this name or address and password. All ways to be wrong look the same, and cost one hash."""
    user = (attempt or LoginAttempt.find(identifier)).user
    checked = uniform_timing.check(password, user.password if user else "", identifier)
    if user and checked.right and user.is_active:
        if checked.outdated:
            _upgrade(user, password)
        return user
    if user is None:
        raise _recorded(UnknownAccount(Reason.NO_SUCH_ACCOUNT), identifier)
    raise _recorded(
        InvalidCredentials(Reason.ACCOUNT_INACTIVE if checked.right else _objection(checked)),
        identifier,
        user,
    )


def _objection(checked: uniform_timing.Checked) -> Reason:
    return Reason.DAMAGED_HASH if checked.damaged else Reason.WRONG_PASSWORD


def set_temporary(user: User, password: str) -> None:
    """A password that somebody else knows: it ends every session, and opens none until its owner has chosen another."""
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password", "updated_at"])


def change(user_id: int, previous: str, proposed: str, *, keep: UUID | None = None) -> User:
    """A new password for an account whose present one is given; other sessions than ``keep`` end."""
    user = User.objects.get(pk=user_id)
    checked = uniform_timing.check(previous, user.password, user.username)
    if not checked.right:
        raise _recorded(InvalidCredentials(_objection(checked)), user.username, user)
    return _change(user, proposed, keep)


def change_with_password(identifier: str, previous: str, proposed: str) -> User:
    """A new password for whoever knows the present one, temporary ones included; every session ends."""
    user = authenticate(identifier, previous)
    if user.must_change_password and proposed == previous:
        raise WeakPassword(_("Choose another password than the temporary one."))
    return _change(user, proposed)


def _change(user: User, proposed: str, keep: UUID | None = None) -> User:
    hashed = hash_new(user, proposed)
    with transaction.atomic():
        if not replace_hash(user, hashed, Reason.CHANGED, keep):
            raise InvalidCredentials(Reason.ACCOUNT_CHANGED)
        sign_ins.know_network(user)
        report_change(user, Reason.CHANGED, **_outliving(user))
    return user


def replace_temporary(user: User, credential_version: str, password: str) -> User:
    """The new password of an account that had to choose one; once, as long as nothing has changed since the challenge."""
    if (
        str(user.credential_version) != credential_version
        or not user.must_change_password
        or not user.is_active
    ):
        raise InvalidChallenge(Reason.CHALLENGE_ANSWERED)
    if uniform_timing.check(password, user.password, user.username).right:
        raise WeakPassword(_("Choose another password than the temporary one."))
    hashed = hash_new(user, password)
    with transaction.atomic():
        if not replace_hash(user, hashed, Reason.CHANGED):
            raise InvalidChallenge(Reason.CHALLENGE_ANSWERED)
        report_change(user, Reason.TEMPORARY_REPLACED, **_outliving(user))
    return user


def hash_new(user: User, password: str) -> str:
    """The hash of a password that obeys the rules; ``WeakPassword`` says which it breaks."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(*error.messages) from error
    return make_password(password)


def replace_hash(user: User, hashed: str, reason: str, keep: UUID | None = None) -> bool:
    """Store a new password, unless the account has had another one, or was deactivated, since ``user`` was read.

    Also invalidates all other credentials, except the session ``keep``.
    """
    unchanged = User.objects.filter(
        pk=user.pk, credential_version=user.credential_version, is_active=True
    )
    if not unchanged.update(password=hashed, must_change_password=False, updated_at=now()):
        return False
    user.refresh_from_db(fields=["password", "must_change_password"])
    user.forget_generated_password()
    user.invalidate_credentials(reason, keep=keep)
    return True


def report_change(user: User, how: Reason, **data: Any) -> None:
    """Record it, and mail it to the owner; ``data`` is for the mail."""
    audit_log.record(Kind.PASSWORD_CHANGED, user=user, reason=how)
    if settings.EMAILS_ENABLED and user.email:
        outbox.put(outbox.Template.PASSWORD_CHANGED, user=user, **data)


def _outliving(user: User) -> dict[str, Any]:
    """Return the credentials that a new password does not end, for the mail about it.

    After a reset, a mail of its own tells of them.
    """
    answers: list[tuple[Any, Any]] = outlives_password.send(User, user=user)
    return {name: value for _, told in answers for name, value in told.items()}


def _upgrade(user: User, password: str) -> None:
    """Hash the password anew with today's cost, unless it was changed in the meantime; at a later login if the queue is full."""
    try:
        upgraded = make_password(password)
    except HashingOverloaded:
        return
    if User.objects.filter(pk=user.pk, password=user.password).update(password=upgraded):
        user.password = upgraded


def _recorded(
    refusal: InvalidCredentials, identifier: str, user: User | None = None
) -> InvalidCredentials:
    audit_log.record(Kind.LOGIN_FAILED, user=user, name=identifier, reason=refusal.reason)
    return refusal
