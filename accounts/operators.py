"""What operators may do to accounts, and how it is remembered. The admin and the commands are its callers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.crypto import get_random_string

from accounts import audit, limits, outbox, passwords
from accounts.errors import MissingReason, NotPermitted
from accounts.models import ROLES, Session, User

Kind = audit.Kind
PROFILE = ("username", "email", "name", "organization", "aws_region", "language")  # what operators edit as plain fields


# Who may


def may_enter(operator: User) -> bool:
    """Whether this account has any business in the operators' room."""
    return bool(operator.is_active and operator.is_staff and not operator.must_change_password)


def may_run(operator: User) -> bool:
    """Whether it also decides about roles, other admins, signing keys and the credentials of providers."""
    return may_enter(operator) and operator.is_superuser


def may_edit(operator: User, person: User) -> bool:
    """Admins work with users; super admins also with admins."""
    return may_run(operator) or (may_enter(operator) and not person.is_admin)


def may(operator: User, act: Act, person: User) -> bool:
    """Whether this operator may do this to that account. Nobody lifts, lowers or locks out themselves."""
    if act.super_only and not may_run(operator):
        return False
    if operator.pk == person.pk and not act.on_oneself:
        return False
    return may_edit(operator, person)


# What they do


@dataclass(frozen=True)
class Outcome:
    """What an act did: a note for the trail, and what its operator is shown once and nobody keeps."""

    note: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that operators do to one account. A dangerous one needs a reason, and is for callers to ask the password again before.

    ``fits`` says whether there is anything to do; ``perform`` does it, inside the transaction that also keeps the record.
    """

    name: str
    kind: Kind
    perform: Callable[..., Outcome]
    fits: Callable[[User], bool] = lambda person: True
    dangerous: bool = False
    super_only: bool = False
    on_oneself: bool = False


def carry_out(act: Act, *, operator: User, person: User, reason: str = "", **choices: str) -> Outcome | None:
    """Do it and put it on record, by what the database says of both accounts at this moment; None if there was nothing to do.

    ``NotPermitted``, itself an event of the trail; ``MissingReason`` where a dangerous act comes without.
    """
    if act.dangerous and not reason.strip():
        raise MissingReason(act.name)
    try:
        with transaction.atomic():
            operator, person = _hold(operator, person)
            if not may(operator, act, person):
                raise NotPermitted(act.name)
            if not act.fits(person):
                return None
            outcome = act.perform(person, **choices)
            audit.record(act.kind, user=person, actor=operator, reason=": ".join(filter(None, (outcome.note, reason.strip()))))
            return outcome
    except NotPermitted as refusal:
        audit.record(Kind.ACT_REFUSED, user=person, actor=operator, reason=refusal.reason)
        raise


def _hold(operator: User, person: User) -> tuple[User, User]:
    """Both accounts as they are now, locked in one order: of two super admins who demote each other, one comes second."""
    held = {user.pk: user for user in User.objects.select_for_update(no_key=True).filter(pk__in={operator.pk, person.pk}).order_by("pk")}
    if len(held) < len({operator.pk, person.pk}):
        raise NotPermitted("no such account")
    return held[operator.pk], held[person.pk]


@transaction.atomic
def invite(person: User, *, operator: User) -> User:
    """Add an account without a password, and mail its owner a link to choose one."""
    create(person, operator=operator)
    carry_out(INVITE, operator=operator, person=person)
    return person


@transaction.atomic
def create(person: User, *, operator: User, password: str | None = None) -> User:
    """Add an account of an ordinary user; a password that is given here is a temporary one."""
    if not may_enter(operator) or person.is_admin:
        raise NotPermitted("create")
    person.set_password(password)
    person.must_change_password = password is not None
    person.save()
    audit.record(Kind.ACCOUNT_CHANGED, user=person, actor=operator, reason="created")
    return person


@transaction.atomic
def edit(person: User, *, operator: User, changed: list[str]) -> None:
    """Save these fields of a profile, and no others."""
    held, current = _hold(operator, person)
    if not may_edit(held, current) or not set(changed) <= set(PROFILE):
        raise NotPermitted("edit")
    if changed:
        person.save(update_fields=[*changed, "updated_at"])
        audit.record(Kind.ACCOUNT_CHANGED, user=person, actor=operator, reason=", ".join(changed))


def end_session(session: Session, *, operator: User, reason: str = "") -> Outcome | None:
    """End one session of somebody's; None if it had ended already."""
    return carry_out(END_SESSION, operator=operator, person=session.user, reason=reason, session=str(session.pk))


def _invite(person: User) -> Outcome:
    outbox.put(outbox.Kind.INVITATION, user=person)
    return Outcome(f"to {person.email}")


def _send_reset(person: User) -> Outcome:
    outbox.put(outbox.Kind.RESET, typed=person.username, user=person)
    return Outcome(f"to {person.email}")


def _give_temporary_password(person: User) -> Outcome:
    password = get_random_string(16, passwords.CODE_LETTERS)
    passwords.set_temporary(person, password)
    return Outcome("every session ended", password)


def _force_change(person: User) -> Outcome:
    person.must_change_password = True
    person.save(update_fields=["must_change_password", "updated_at"])
    return _end_sessions(person)


def _unlock(person: User) -> Outcome:
    limits.unlock(person.username, person.email)
    return Outcome()


def _end_sessions(person: User) -> Outcome:
    ended = person.end_sessions("ended by an operator")
    return Outcome(f"{ended} sessions ended")


def _end_session(person: User, session: str) -> Outcome:
    ended = Session.objects.filter(user=person, pk=UUID(session)).revoke("ended by an operator")
    return Outcome(f"session {session}" if ended else "it had ended before")


def _deactivate(person: User) -> Outcome:
    person.is_active = False
    person.save(update_fields=["is_active", "updated_at"])
    return Outcome()


def _reactivate(person: User) -> Outcome:
    person.is_active = True
    person.save(update_fields=["is_active", "updated_at"])
    return Outcome()


def _change_role(person: User, role: str) -> Outcome:
    before = person.role
    person.is_staff, person.is_superuser = ROLES[role]
    person.save(update_fields=["is_staff", "is_superuser", "updated_at"])
    return Outcome(f"{before} → {role}")


def _reachable(person: User) -> bool:
    return bool(settings.EMAILS_ENABLED and person.is_active and person.email)


INVITE = Act(name="invite", kind=Kind.INVITED, perform=_invite, fits=lambda person: _reachable(person) and not person.has_usable_password())
SEND_RESET = Act(name="send_reset", kind=Kind.RESET_SENT, perform=_send_reset, fits=_reachable)
GIVE_TEMPORARY_PASSWORD = Act(
    name="temporary_password",
    kind=Kind.TEMPORARY_PASSWORD,
    perform=_give_temporary_password,
    fits=lambda person: person.is_active,
    dangerous=True,
)
FORCE_CHANGE = Act(
    name="force_change",
    kind=Kind.CHANGE_FORCED,
    perform=_force_change,
    fits=lambda person: person.has_usable_password() and not person.must_change_password,
)
UNLOCK = Act(name="unlock", kind=Kind.UNLOCKED, perform=_unlock)
END_SESSIONS = Act(name="end_sessions", kind=Kind.SESSIONS_ENDED, perform=_end_sessions, on_oneself=True)
END_SESSION = Act(name="end_session", kind=Kind.SESSIONS_ENDED, perform=_end_session, on_oneself=True)
DEACTIVATE = Act(name="deactivate", kind=Kind.DEACTIVATED, perform=_deactivate, fits=lambda person: person.is_active, dangerous=True)
REACTIVATE = Act(name="reactivate", kind=Kind.REACTIVATED, perform=_reactivate, fits=lambda person: not person.is_active, dangerous=True)
CHANGE_ROLE = Act(name="change_role", kind=Kind.ROLE_CHANGED, perform=_change_role, dangerous=True, super_only=True)
