"""Passwords: checked in one place, changed by their owner, and stored as hashes."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import known_networks, rate_limits
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


def check_credentials(identifier: str, password: str) -> tuple[User, LoginAttempt]:
    """Return the active user with this user name or address and password, and the attempt.

    No other function checks a password. It counts the attempt against its budgets, looks the user
    up with one query, and computes one hash, whatever is wrong: so all wrong attempts look the
    same, and take the same time. ``InvalidCredentials`` with the reason, for the audit log;
    ``TooManyAttempts`` if a budget is used up; ``HashingOverloaded`` if the queue is full.
    """
    with rate_limits.login_attempt(identifier) as attempt:
        user = attempt.user
        checked = uniform_timing.check(password, user.password if user else "", identifier)
        if user is None:
            raise _recorded(UnknownAccount(Reason.NO_SUCH_ACCOUNT), identifier)
        if not (checked.right and user.is_active):
            raise _recorded(InvalidCredentials(_reason_to_refuse(checked)), identifier, user)
        if checked.outdated:
            _upgrade_hash(user, password)
        return user, attempt


def authenticate(identifier: str, password: str) -> User:
    """Return the user of ``check_credentials``, for callers that open no session."""
    return check_credentials(identifier, password)[0]


def _reason_to_refuse(checked: uniform_timing.CheckResult) -> Reason:
    if checked.right:
        return Reason.ACCOUNT_INACTIVE
    return Reason.DAMAGED_HASH if checked.damaged else Reason.WRONG_PASSWORD


def _recorded(
    refusal: InvalidCredentials, identifier: str, user: User | None = None
) -> InvalidCredentials:
    """Record a refused login, and return the refusal."""
    audit_log.record(Kind.LOGIN_FAILED, user=user, identifier=identifier, reason=refusal.reason)
    return refusal


def _upgrade_hash(user: User, password: str) -> None:
    """Hash the password anew at today's cost, unless it was changed in the meantime.

    It is left to a later login if the hashing queue is full.
    """
    try:
        upgraded = make_password(password)
    except HashingOverloaded:
        return
    if User.objects.filter(pk=user.pk, password=user.password).update(password=upgraded):
        user.password = upgraded


def set_temporary(user: User, password: str) -> None:
    """Set a password that an operator knows, and end every session of the account.

    No session opens until its owner has chosen another.
    """
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password", "updated_at"])


def change(user_id: int, previous: str, proposed: str, *, keep: UUID | None = None) -> User:
    """Change the password of a signed-in user who gives the present one.

    Ends all sessions except ``keep``.
    """
    user = authenticate(User.objects.get(pk=user_id).username, previous)
    if user.pk != user_id:  # the account got another user name at this moment
        raise InvalidCredentials(Reason.ACCOUNT_CHANGED)
    return _change(user, proposed, keep)


def change_with_password(identifier: str, previous: str, proposed: str) -> User:
    """Change a password, also a temporary one, by the present one; ends every session."""
    user = authenticate(identifier, previous)
    if user.must_change_password and proposed == previous:
        raise WeakPassword(_("Choose another password than the temporary one."))
    return _change(user, proposed)


def _change(user: User, proposed: str, keep: UUID | None = None) -> User:
    hashed = hash_new(user, proposed)
    with transaction.atomic():
        if not replace_hash(user, hashed, Reason.CHANGED, keep):
            raise InvalidCredentials(Reason.ACCOUNT_CHANGED)
        known_networks.add_current(user)
        report_change(user, Reason.CHANGED, **_outliving_credentials(user))
    return user


def replace_temporary(user: User, credential_version: str, password: str) -> User:
    """Replace the temporary password of a user whose challenge named this credential version.

    ``InvalidChallenge`` if anything has changed since, such as by another answer.
    """
    if (
        str(user.credential_version) != credential_version
        or not user.must_change_password
        or not user.is_active
    ):
        raise InvalidChallenge(Reason.CHALLENGE_ANSWERED)
    if user.check_password(password):
        raise WeakPassword(_("Choose another password than the temporary one."))
    hashed = hash_new(user, password)
    with transaction.atomic():
        if not replace_hash(user, hashed, Reason.CHANGED):
            raise InvalidChallenge(Reason.CHALLENGE_ANSWERED)
        report_change(user, Reason.TEMPORARY_REPLACED, **_outliving_credentials(user))
    return user


def hash_new(user: User, password: str) -> str:
    """Return the hash of a password that obeys the rules; ``WeakPassword`` with those it breaks."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(*error.messages) from error
    return make_password(password)


def replace_hash(user: User, hashed: str, reason: Reason, keep: UUID | None = None) -> bool:
    """Store a new password, and invalidate all other credentials except the session ``keep``.

    Return False, and store nothing, if the account has had another password, or was deactivated,
    since ``user`` was read.
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


def report_change(user: User, reason: Reason, **data: Any) -> None:
    """Record a change of the password, and mail its owner; ``data`` is for the mail."""
    audit_log.record(Kind.PASSWORD_CHANGED, user=user, reason=reason)
    if settings.EMAILS_ENABLED and user.email:
        outbox.put(outbox.Template.PASSWORD_CHANGED, user=user, **data)


def _outliving_credentials(user: User) -> dict[str, Any]:
    """Return the credentials that a new password does not end, for the mail about it.

    After a reset, a mail of its own tells of them.
    """
    answers: list[tuple[Any, Any]] = outlives_password.send(User, user=user)
    return {name: value for _, told in answers for name, value in told.items()}
