"""Actions on users: invitations, passwords, locks, sessions, roles, identifiers, erasure."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import get_random_string

from accounts import identifier_changes, password_reset, passwords, rate_limits
from accounts.audit.audit_log import Kind
from accounts.audit.reasons import Reason
from accounts.mail import outbox
from accounts.models import ROLES, Session, User
from accounts.operators.actions import Action, Outcome
from accounts.privacy import erasure
from accounts.signals import role_changed

TEMPORARY_PASSWORD_LENGTH = 16  # characters


def can_get_mail(user: User) -> bool:
    return bool(settings.EMAILS_ENABLED and user.is_active and user.email)


def mail_reset(user: User) -> Outcome:
    outbox.put(outbox.Template.RESET, identifier=user.username, user=user)
    return Outcome(Reason.MAILED_TO, {"address": user.email})


def temporary_password() -> str:
    return get_random_string(TEMPORARY_PASSWORD_LENGTH, password_reset.CODE_LETTERS)


def _invite(user: User) -> Outcome:
    outbox.put(outbox.Template.INVITATION, user=user)
    return Outcome(Reason.MAILED_TO, {"address": user.email})


def _give_temporary_password(user: User) -> Outcome:
    """Replace the password, and unlock the account so that the new one works at once."""
    password = temporary_password()
    passwords.set_temporary(user, password)
    rate_limits.unlock(user)
    return Outcome(Reason.EVERY_SESSION_ENDED, secret=password)


def _force_change(user: User) -> Outcome:
    user.must_change_password = True
    user.save(update_fields=["must_change_password", "updated_at"])
    return _end_sessions(user)


def _unlock(user: User) -> Outcome:
    rate_limits.unlock(user)
    return Outcome()


def _end_sessions(user: User) -> Outcome:
    ended = user.invalidate_credentials(Reason.ENDED_BY_OPERATOR)
    return Outcome(Reason.SESSIONS_ENDED, {"count": ended})


def _end_session(user: User, session: str) -> Outcome | None:
    ended = Session.objects.filter(user=user, pk=UUID(session)).revoke(Reason.ENDED_BY_OPERATOR)
    return Outcome(Reason.SESSIONS_ENDED, {"count": 1}, session=UUID(session)) if ended else None


def _deactivate(user: User) -> Outcome:
    user.is_active = False
    user.save(update_fields=["is_active", "updated_at"])
    return Outcome()


def _reactivate(user: User) -> Outcome:
    user.is_active = True
    user.save(update_fields=["is_active", "updated_at"])
    return Outcome()


def _change_role(user: User, role: str) -> Outcome | None:
    """Set Django's two flags and sign the user out of the admin site.

    Sessions of apps go on: they ask for the role each time.
    """
    before = user.role
    if before == role:
        return None
    user.is_staff, user.is_superuser = ROLES[role]
    user.save(update_fields=["is_staff", "is_superuser", "updated_at"])
    user.invalidate_credentials(Reason.ROLE)
    role_changed.send(User, user=user)
    if settings.EMAILS_ENABLED and user.email:
        outbox.put(outbox.Template.ROLE_CHANGED, user=user, before=before, after=role)
    return Outcome(Reason.ROLE, {"before": before, "after": role})


def _change_identifiers(user: User, username: str, email: str, shown: str = "") -> Outcome | None:
    """Change the user name or the address; sessions, keys and the password stay."""
    changes = identifier_changes.change(user, username, email, shown=shown)
    data = {name: list(change) for name, change in changes.items()}
    return Outcome(Reason.IDENTIFIERS, data) if changes else None


def _erase(user: User, *, actor: User, reason: str) -> Outcome:
    erasure.erase(user, actor=actor, reason=reason)
    return Outcome()


def _is_locked(user: User) -> bool:
    return bool(rate_limits.locked_for(user) or rate_limits.locked_on_known_networks_for(user))


def _logged_in(users: QuerySet[User]) -> QuerySet[User]:
    """Return users with an active session, and all staff: sessions of the admin have no rows."""
    return users.filter(
        Q(is_staff=True) | Exists(Session.objects.live().filter(user=OuterRef("pk")))
    )


INVITE = Action(
    name="invite",
    kind=Kind.INVITED,
    perform=_invite,
    applies=lambda user: can_get_mail(user) and not user.has_usable_password(),
)
SEND_RESET = Action(
    name="send_reset", kind=Kind.RESET_SENT, perform=mail_reset, applies=can_get_mail
)
GIVE_TEMPORARY_PASSWORD = Action(
    name="temporary_password",
    kind=Kind.TEMPORARY_PASSWORD,
    perform=_give_temporary_password,
    applies=lambda user: user.is_active,
    dangerous=True,
)
FORCE_CHANGE = Action(
    name="force_change",
    kind=Kind.CHANGE_FORCED,
    perform=_force_change,
    applies=lambda user: user.has_usable_password() and not user.must_change_password,
)
UNLOCK = Action(name="unlock", kind=Kind.UNLOCKED, perform=_unlock, applies=_is_locked)
END_SESSIONS = Action(
    name="end_sessions",
    kind=Kind.SESSIONS_ENDED,
    perform=_end_sessions,
    applicable=_logged_in,
    allowed_on_oneself=True,
)
END_SESSION = Action(
    name="end_session", kind=Kind.SESSIONS_ENDED, perform=_end_session, allowed_on_oneself=True
)
DEACTIVATE = Action(
    name="deactivate",
    kind=Kind.DEACTIVATED,
    perform=_deactivate,
    applies=lambda user: user.is_active,
    dangerous=True,
)
REACTIVATE = Action(
    name="reactivate",
    kind=Kind.REACTIVATED,
    perform=_reactivate,
    applies=lambda user: not user.is_active,
    dangerous=True,
)
CHANGE_IDENTIFIERS = Action(
    name="change_identifiers",
    kind=Kind.IDENTIFIERS_CHANGED,
    perform=_change_identifiers,
    dangerous=True,
    allowed_on_oneself=True,
)
CHANGE_ROLE = Action(
    name="change_role",
    kind=Kind.ROLE_CHANGED,
    perform=_change_role,
    dangerous=True,
    for_super_admins=True,
)
ERASE = Action(
    name="erase",
    kind=Kind.ERASED,
    perform=_erase,
    applies=lambda user: not user.erased_at,
    also_lock=erasure.SUPER_ADMINS,
    dangerous=True,
    for_super_admins=True,
    records_itself=True,
)
