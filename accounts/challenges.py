"""Challenges: a string for a user with a temporary password, answered with a new password."""

from datetime import timedelta
from uuid import uuid4

from django.utils.timezone import now

from accounts import passwords, sessions
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import InvalidChallenge
from accounts.identifiers import identifiers_of, normalise
from accounts.issued_tokens import IssuedTokens
from accounts.models import User
from accounts.policy import Policy
from accounts.rate_limits import LoginAttempt
from accounts.tokens import ChallengeToken, ExpiredTokenError, TokenError

CHALLENGE_LIFETIME = timedelta(minutes=15)


def issue(user: User) -> str:
    """Return a string that proves the right temporary password.

    It is void once the password or the account changes.
    """
    at = now()
    return ChallengeToken.issue(
        at=at,
        expires=at + CHALLENGE_LIFETIME,
        jti=uuid4().hex,
        sub=str(user.uuid),
        epoch=str(user.credential_version),  # the claim's name up to 0.1.0, still in clients' hands
    )


def answer(
    policy: Policy, raw: str, identifier: str, password: str, attempt: LoginAttempt | None = None
) -> IssuedTokens:
    """Replace the temporary password that a challenge stands for, and open a session."""
    try:
        user, credential_version = _read(raw, identifier)
        user = passwords.replace_temporary(user, credential_version, password)
    except InvalidChallenge as refusal:
        audit_log.record(
            audit_log.Kind.LOGIN_FAILED,
            identifier=identifier,
            reason=refusal.reason,
            data=refusal.data,
        )
        raise
    return sessions.create_session(policy, user, attempt)


def _read(raw: str, identifier: str) -> tuple[User, str]:
    """Return the user of a challenge, and the version of their credentials when it was issued.

    ``InvalidChallenge`` if it is not good, or if ``identifier`` names another user.
    """
    try:
        token = ChallengeToken.read(raw)
    except ExpiredTokenError as error:
        raise InvalidChallenge(Reason.CHALLENGE_EXPIRED) from error
    except TokenError as error:
        raise InvalidChallenge(Reason.CHALLENGE_INVALID, data={"detail": str(error)}) from error
    user = User.objects.filter(uuid=token.user_uuid).first()
    if user is None or normalise(identifier) not in identifiers_of(user):
        raise InvalidChallenge(Reason.CHALLENGE_OF_ANOTHER)
    return user, token["epoch"]
