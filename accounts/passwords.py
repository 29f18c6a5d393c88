"""The life of a password: whether it is right, how it is changed, and the ways back in for who has forgotten it."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django.utils.translation import gettext as _

from accounts import rate_limits, sign_ins
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import (
    HashingOverloaded,
    InvalidChallenge,
    InvalidCode,
    InvalidCredentials,
    InvalidReset,
    TooManyResets,
    UnknownAccount,
    WeakPassword,
)
from accounts.hashing import uniform_timing
from accounts.mail import outbox
from accounts.models import OutgoingMail, PasswordReset, User
from accounts.rate_limits import LoginAttempt
from accounts.signals import outlives_password, password_reset

PER_HOUR = 5  # reset mails to one account
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that looks like another; 8 of them are 46 bits
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


# Ways back in


@dataclass(frozen=True)
class Proof:
    """The secrets of one reset case, for the mail that carries them and for nothing else."""

    reset: PasswordReset
    token: str
    code: str

    def __repr__(self) -> str:
        return f"Proof({self.reset.pk})"


def ask_for_reset(identifier: str) -> None:
    """Have a link and a code mailed to whoever has this name or address. Known or not, it is the same work: one row."""
    outbox.put(outbox.Template.RESET, identifier=identifier)


@transaction.atomic
def make_reset(user: User, mail: OutgoingMail | None = None) -> Proof:
    """A new case; its secrets are given out here only. ``TooManyResets`` for the sixth mail in an hour, asked for at once or not.

    An invitation lasts longer, is nothing that anybody may ask for, and has no code: nobody can use it up by guessing.
    """
    User.objects.lock(user.pk)
    user.refresh_from_db(
        fields=["email"]
    )  # an operator may have changed it since: what is made from now on goes to the new one
    invited = mail is not None and mail.template == outbox.Template.INVITATION
    others = (
        user.resets.filter(created_at__gt=now() - timedelta(hours=1))
        .exclude(mail=mail)
        .exclude(code_digest="")
    )
    if mail and not invited and others.values("mail").distinct().count() >= PER_HOUR:
        raise TooManyResets(Reason.RESET_MAILS, data={"limit": PER_HOUR, "seconds": 3600})
    token = secrets.token_urlsafe(32)
    code = "" if invited else "".join(secrets.choice(CODE_LETTERS) for _ in range(8))
    reset = PasswordReset.objects.create(
        user=user,
        mail=mail,
        token_digest=_token_digest(token),
        code_digest=_code_digest(user.uuid, code) if code else "",
        expires_at=now() + (settings.INVITATION_LIFETIME if invited else settings.RESET_LIFETIME),
    )
    return Proof(reset, token, code)


@transaction.atomic
def replace_resets(reset: PasswordReset) -> None:
    """The cases of an account before this one are void, now that its mail is on its way; but what anybody asks for ends no invitation."""
    User.objects.lock(reset.user_id)
    earlier = PasswordReset.objects.usable().filter(user_id=reset.user_id, pk__lt=reset.pk)
    (earlier.exclude(code_digest="") if reset.code_digest else earlier).void()


def find_reset(token: str) -> PasswordReset:
    """The usable case of this token; asking uses nothing up, since mail scanners open links."""
    reset = (
        PasswordReset.objects.usable()
        .select_related("user")
        .filter(token_digest=_token_digest(token), user__is_active=True)
        .first()
    )
    if reset is None:
        raise _refused_reset(token)
    return reset


def _refused_reset(token: str) -> InvalidReset:
    """What is wrong with a token that opens nothing."""
    reset = (
        PasswordReset.objects.select_related("user")
        .filter(token_digest=_token_digest(token))
        .first()
    )
    if reset is None:
        return InvalidReset(Reason.NO_SUCH_LINK)
    objections = {
        Reason.ACCOUNT_INACTIVE: not reset.user.is_active,
        Reason.LINK_USED: reset.used_at is not None,
        Reason.LINK_EXPIRED: True,
    }
    return InvalidReset(
        next(reason for reason, holds in objections.items() if holds), name=reset.user.username
    )


def reset_by_token(token: str, password: str) -> User:
    """A new password for whoever holds the token of a link; it ends every session of the account."""
    try:
        reset = find_reset(token)
    except InvalidReset as refusal:
        user = User.objects.find(refusal.name) if refusal.name else None
        rate_limits.record_refusal(Kind.RESET_FAILED, user=user, reason=refusal.reason)
        raise
    return _finish(reset, password, Reason.RESET_BY_LINK, InvalidReset)


def reset_by_code(identifier: str, code: str, password: str) -> User:
    """A new password for whoever knows the code that was mailed to this account. Five wrong codes end the code."""
    user = User.objects.find(identifier)
    reset = _case_of_code(user if user and user.is_active else None, code)
    if reset is None:
        audit_log.record(
            Kind.RESET_FAILED,
            user=user,
            name=identifier,
            reason=Reason.NO_SUCH_CODE if user else Reason.NO_SUCH_ACCOUNT,
        )
        raise InvalidCode(Reason.NO_SUCH_CODE)
    return _finish(reset, password, Reason.RESET_BY_CODE, InvalidCode)


@transaction.atomic
def _case_of_code(user: User | None, code: str) -> PasswordReset | None:
    """The case of this account that this code opens. A wrong code counts on all of its cases; the work is the same for nobody."""
    pk, uuid = (user.pk, user.uuid) if user else (0, UUID(int=0))
    User.objects.lock(pk)
    cases = PasswordReset.objects.open_to_codes().select_related("user").filter(user_id=pk)
    right = [
        _code_digest(uuid, code, secret)
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    reset = next(
        (
            case
            for case in cases
            if any(hmac.compare_digest(case.code_digest, digest) for digest in right)
        ),
        None,
    )
    if reset is None:
        cases.update(wrong_tries=F("wrong_tries") + 1)
    return reset


def _finish(
    reset: PasswordReset, password: str, by: Reason, refusal: type[InvalidReset | InvalidCode]
) -> User:
    user = reset.user
    hashed, first = hash_new(user, password), not user.has_usable_password()
    with transaction.atomic():
        User.objects.lock(user.pk)
        if not reset.use(by_code=by == Reason.RESET_BY_CODE) or not _replace(user, hashed, by):
            raise refusal(Reason.LINK_USED, name=user.username)
        sign_ins.know_network(user)
        _tell(user, by, **({"first": True} if first else {}))
        password_reset.send(User, user=user)
    rate_limits.unlock(user)
    return user


# Changes by who knows the password


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
        if not _replace(user, hashed, Reason.CHANGED, keep):
            raise InvalidCredentials(Reason.ACCOUNT_CHANGED)
        sign_ins.know_network(user)
        _tell(user, Reason.CHANGED, **_outliving(user))
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
        if not _replace(user, hashed, Reason.CHANGED):
            raise InvalidChallenge(Reason.CHALLENGE_ANSWERED)
        _tell(user, Reason.TEMPORARY_REPLACED, **_outliving(user))
    return user


def hash_new(user: User, password: str) -> str:
    """The hash of a password that obeys the rules; ``WeakPassword`` says which it breaks."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(*error.messages) from error
    return make_password(password)


def _replace(user: User, hashed: str, reason: str, keep: UUID | None = None) -> bool:
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


def _tell(user: User, how: Reason, **data: Any) -> None:
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


def _token_digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _code_digest(owner: UUID, code: str, secret: str | None = None) -> str:
    """Of a secret this short a plain digest would give it away: this one needs SECRET_KEY too, or ``secret`` in its place."""
    return salted_hmac(
        "accounts.passwords.code", f"{owner}:{code}", secret=secret, algorithm="sha256"
    ).hexdigest()


def _recorded(
    refusal: InvalidCredentials, identifier: str, user: User | None = None
) -> InvalidCredentials:
    audit_log.record(Kind.LOGIN_FAILED, user=user, name=identifier, reason=refusal.reason)
    return refusal
