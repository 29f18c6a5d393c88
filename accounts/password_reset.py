"""Password resets: requested by mail, made with a token and a code, and used up by either.

Using one sets a new password and ends every session of the account. Opening the link uses nothing
up, since mail scanners open links.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac
from django.utils.timezone import now

from accounts import known_networks, passwords, rate_limits, signals
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import InvalidCode, InvalidReset, TooManyResets
from accounts.mail import outbox
from accounts.models import OutgoingMail, PasswordReset, User

MAX_MAILS_PER_HOUR = 5  # to one account
# No letter that looks like another: eight of them are 46 bits.
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 8
TOKEN_BYTES = 32

Kind = audit_log.Kind


@dataclass(frozen=True)
class ResetSecrets:
    """The token and the code of one reset, for its mail and nothing else."""

    reset: PasswordReset
    token: str
    code: str

    def __repr__(self) -> str:
        return f"ResetSecrets({self.reset.pk})"


def ask(identifier: str) -> None:
    """Have a link and a code mailed to the user with this user name or address, if there is one.

    Known or not, it is the same work: one row of the outbox.
    """
    outbox.put(outbox.Template.RESET, identifier=identifier)


@transaction.atomic
def make(user: User, mail: OutgoingMail | None = None) -> ResetSecrets:
    """Make a reset; its secrets are given out here only.

    ``TooManyResets`` beyond ``MAX_MAILS_PER_HOUR``, requested at once or not. An invitation lasts
    longer, counts against no limit since only operators can request it, and has no code: nobody
    can use it up by guessing.
    """
    User.objects.lock_row(user.pk)
    user.refresh_from_db(fields=["email"])  # an operator may have changed it since
    invited = mail is not None and mail.template == outbox.Template.INVITATION
    if mail and not invited:
        _check_mails_per_hour(user, mail)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    code = "" if invited else "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))
    lifetime = settings.INVITATION_LIFETIME if invited else settings.RESET_LIFETIME
    reset = PasswordReset.objects.create(
        user=user,
        mail=mail,
        token_digest=token_digest(token),
        code_digest=code_digest(user.uuid, code) if code else "",
        expires_at=now() + lifetime,
    )
    return ResetSecrets(reset, token, code)


def _check_mails_per_hour(user: User, mail: OutgoingMail) -> None:
    others = (
        user.resets.filter(created_at__gt=now() - timedelta(hours=1))
        .exclude(mail=mail)
        .exclude(code_digest="")
    )
    if others.values("mail").distinct().count() >= MAX_MAILS_PER_HOUR:
        data = {"limit": MAX_MAILS_PER_HOUR, "seconds": 3600}
        raise TooManyResets(Reason.RESET_MAILS, data=data)


@transaction.atomic
def void_earlier(reset: PasswordReset) -> None:
    """Void the resets of an account before this one, now that its mail is on its way.

    A reset that was requested ends no invitation.
    """
    User.objects.lock_row(reset.user_id)
    earlier = PasswordReset.objects.usable().filter(user_id=reset.user_id, pk__lt=reset.pk)
    (earlier.exclude(code_digest="") if reset.code_digest else earlier).void()


def find(token: str) -> PasswordReset:
    """Return the usable reset of this token, and use nothing up; ``InvalidReset`` otherwise."""
    reset = (
        PasswordReset.objects.usable()
        .select_related("user")
        .filter(token_digest=token_digest(token), user__is_active=True)
        .first()
    )
    if reset is None:
        raise _invalid_reset(token)
    return reset


def _invalid_reset(token: str) -> InvalidReset:
    """Return the refusal of a token that is not usable, with the reason."""
    reset = (
        PasswordReset.objects.select_related("user")
        .filter(token_digest=token_digest(token))
        .first()
    )
    if reset is None:
        return InvalidReset(Reason.NO_SUCH_LINK)
    reasons = {
        Reason.ACCOUNT_INACTIVE: not reset.user.is_active,
        Reason.LINK_USED: reset.used_at is not None,
        Reason.LINK_EXPIRED: True,
    }
    return InvalidReset(
        next(reason for reason, holds in reasons.items() if holds), name=reset.user.username
    )


def use_token(token: str, password: str) -> User:
    """Set a new password by the token of a link, and end every session of the account."""
    try:
        reset = find(token)
    except InvalidReset as refusal:
        user = User.objects.find(refusal.name) if refusal.name else None
        rate_limits.record_refusal(Kind.RESET_FAILED, user=user, reason=refusal.reason)
        raise
    return _use(reset, password, Reason.RESET_BY_LINK, InvalidReset)


def use_code(identifier: str, code: str, password: str) -> User:
    """Set a new password by the code that was mailed. Five wrong codes end the code."""
    user = User.objects.find(identifier)
    reset = _find_by_code(user if user and user.is_active else None, code)
    if reset is None:
        audit_log.record(
            Kind.RESET_FAILED,
            user=user,
            identifier=identifier,
            reason=Reason.NO_SUCH_CODE if user else Reason.NO_SUCH_ACCOUNT,
        )
        raise InvalidCode(Reason.NO_SUCH_CODE)
    return _use(reset, password, Reason.RESET_BY_CODE, InvalidCode)


@transaction.atomic
def _find_by_code(user: User | None, code: str) -> PasswordReset | None:
    """Return the reset of this user with this code.

    A wrong code counts against all of the user's resets. Without a user it is the same work.
    """
    pk, uuid = (user.pk, user.uuid) if user else (0, UUID(int=0))
    User.objects.lock_row(pk)
    resets = PasswordReset.objects.open_to_codes().select_related("user").filter(user_id=pk)
    right = [
        code_digest(uuid, code, secret)
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    found = next(
        (
            reset
            for reset in resets
            if any(hmac.compare_digest(reset.code_digest, digest) for digest in right)
        ),
        None,
    )
    if found is None:
        resets.update(wrong_tries=F("wrong_tries") + 1)
    return found


def _use(
    reset: PasswordReset, password: str, reason: Reason, refusal: type[InvalidReset | InvalidCode]
) -> User:
    """Use the reset up and set the password, or raise ``refusal`` if it was used meanwhile."""
    user = reset.user
    hashed, first = passwords.hash_new(user, password), not user.has_usable_password()
    with transaction.atomic():
        User.objects.lock_row(user.pk)
        by_code = reason == Reason.RESET_BY_CODE
        if not reset.use(by_code=by_code) or not passwords.replace_hash(user, hashed, reason):
            raise refusal(Reason.LINK_USED, name=user.username)
        known_networks.add_current(user)
        passwords.report_change(user, reason, **({"first": True} if first else {}))
        signals.password_reset.send(User, user=user)
    rate_limits.unlock(user)
    return user


def token_digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def code_digest(user_uuid: UUID, code: str, secret: str | None = None) -> str:
    """Return the digest of a user's code, keyed by SECRET_KEY, or by ``secret`` in its place.

    A plain digest of a secret this short would give it away.
    """
    return salted_hmac(
        "accounts.passwords.code",  # another salt would void the codes that are out
        f"{user_uuid}:{code}",
        secret=secret,
        algorithm="sha256",
    ).hexdigest()
