"""What operators may do to accounts, and how it is remembered. The admin and the commands are its callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.crypto import get_random_string
from django.utils.timezone import now

from accounts import identifier_changes, passwords, rate_limits
from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.errors import EmailDisabled, MissingReason, NotPermitted
from accounts.mail import outbox
from accounts.models import ROLES, OutgoingMail, Session, User
from accounts.privacy import erasure
from accounts.signals import role_changed

Kind = audit_log.Kind
IDENTIFIERS = ("username", "email")  # given with a new account; changed by an action
PROFILE = ("name", "organization", "aws_region", "language")  # what operators edit as plain fields
NOBODY = Q(pk__in=())


# Who may


def may_enter(operator: User) -> bool:
    """Whether this account has any business in the operators' room."""
    return bool(operator.is_active and operator.is_staff and not operator.must_change_password)


def may_run(operator: User) -> bool:
    """Whether it also decides about roles, other admins, signing keys and the credentials of providers."""
    return may_enter(operator) and operator.is_superuser


def may_edit(operator: User, person: User) -> bool:
    """Admins work with users; super admins also with admins; nobody with what is left of a person who was erased."""
    return person.erased_at is None and (
        may_run(operator) or (may_enter(operator) and not person.is_admin)
    )


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
    """The result of an action: code, data and session for the audit log, and a secret that is shown once."""

    reason: Reason | None = None
    data: Data = field(default_factory=dict)
    session: UUID | None = None
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that operators do to one account. A dangerous one needs a reason, and is for callers to ask the password again before.

    ``fits`` says whether there is anything to do, and ``among`` asks the database that of many accounts at once; ``perform`` does it,
    inside the transaction that also keeps the record, and answers None if there was nothing to do after all. ``locks`` says whose accounts
    have to stay as they are meanwhile, beside the two.
    """

    name: str
    kind: Kind
    perform: Callable[..., Outcome | None]
    fits: Callable[[User], bool] = lambda person: True
    among: Callable[[QuerySet[User]], QuerySet[User]] | None = None
    locks: Q = NOBODY
    dangerous: bool = False
    super_only: bool = False
    on_oneself: bool = False
    records: bool = (
        False  # ``perform`` takes the operator and the reason too, and itself puts it on record
    )


@dataclass(frozen=True)
class Verdict:
    """Of some accounts: to whom an act will be done, for whom there is nothing to do, and whom the operator may not touch."""

    fitting: list[User]
    idle: list[User]
    forbidden: list[User]


def judge(act: Act, *, operator: User, people: QuerySet[User]) -> Verdict:
    """What ``carry_out`` would answer for each of them, at the price of at most two queries."""
    fitting = set(act.among(people).values_list("pk", flat=True)) if act.among else None
    verdict = Verdict([], [], [])
    for person in people:
        if not may(operator, act, person):
            verdict.forbidden.append(person)
        elif (fitting is None or person.pk in fitting) and act.fits(person):
            verdict.fitting.append(person)
        else:
            verdict.idle.append(person)
    return verdict


def fits(act: Act, person: User) -> bool:
    """Whether there is anything to do to this account, as it was read; who may do it is another question."""
    return act.fits(person) and (
        act.among is None or act.among(User.objects.filter(pk=person.pk)).exists()
    )


def carry_out(
    act: Act, *, operator: User, person: User, reason: str = "", **choices: str
) -> Outcome | None:
    """Do it and put it on record, by what the database says of both accounts at this moment; None if there was nothing to do.

    ``NotPermitted``, itself an event of the trail; ``MissingReason`` where a dangerous act comes without.
    """
    with refusals_on_record(operator, person), transaction.atomic():
        operator, person = _hold(operator, person, act.locks)
        if not may(operator, act, person):
            raise NotPermitted(act.name)
        if act.dangerous and not reason.strip():
            raise MissingReason(act.name)
        if not fits(act, person):
            return None
        outcome = act.perform(
            person, **choices, **({"actor": operator, "reason": reason} if act.records else {})
        )
        if outcome and not act.records:
            code, data, session = outcome.reason or "", outcome.data, outcome.session
            audit_log.record(
                act.kind,
                user=person,
                actor=operator,
                session=session,
                reason=code,
                data=data,
                note=reason,
            )
        return outcome


@contextmanager
def refusals_on_record(operator: User, person: User | None = None) -> Iterator[None]:
    """Around a transaction: what an operator may not do is an event of the trail, which the refusal does not undo."""
    try:
        yield
    except NotPermitted as refusal:
        audit_log.record_as_called_now(
            Kind.ACT_REFUSED, user=person, actor=operator, reason=refusal.reason, data=refusal.data
        )
        raise


def _hold(operator: User, person: User, others: Q = NOBODY) -> tuple[User, User]:
    """Both accounts as they are now, locked in one order, and at once with all others: of two super admins who demote each other, one
    comes second, and nobody who has locked some waits for one that stands before them.
    """
    concerned = User.objects.select_for_update(no_key=True).filter(
        Q(pk__in={operator.pk, person.pk}) | others
    )
    held = {user.pk: user for user in concerned.order_by("pk")}
    if not {operator.pk, person.pk} <= held.keys():
        raise NotPermitted(reason=Reason.NO_SUCH_ACCOUNT)
    return held[operator.pk], held[person.pk]


def invite(person: User, *, operator: User) -> User:
    """Add an account without a password, and mail its owner a link to choose one: both, or else neither. ``EmailDisabled`` without mail."""
    with refusals_on_record(operator, User(username=person.username)), transaction.atomic():
        create(person, operator=operator)
        if not carry_out(INVITE, operator=operator, person=person):
            raise EmailDisabled(Reason.NO_ADDRESS if settings.EMAILS_ENABLED else Reason.MAIL_OFF)
        return person


def create_with_temporary_password(person: User, *, operator: User) -> str:
    """Add an account, whose owner has to choose another password at the first login; the temporary one, shown here only."""
    password = _temporary_password()
    create(person, operator=operator, password=password)
    return password


def create(person: User, *, operator: User, password: str | None = None) -> User:
    """Add an account of an ordinary user; a password that is given here is a temporary one."""
    with refusals_on_record(operator, User(username=person.username)), transaction.atomic():
        held = User.objects.select_for_update(no_key=True).get(pk=operator.pk)
        if not may_enter(held) or person.is_admin or not person._state.adding:
            raise NotPermitted("create")
        person.set_password(password)
        person.must_change_password = password is not None
        person.save()
        audit_log.record(Kind.ACCOUNT_CHANGED, user=person, actor=held, reason=Reason.CREATED)
        return person


def edit(person: User, *, operator: User, changed: list[str]) -> None:
    """Save these fields of a profile, and no others."""
    with refusals_on_record(operator, person), transaction.atomic():
        held, current = _hold(operator, person)
        if not may_edit(held, current) or not set(changed) <= set(PROFILE):
            raise NotPermitted("edit")
        fields: dict[str, Any] = {name: User._meta.get_field(name) for name in changed}
        wanted = {name: field.to_python(getattr(person, name)) for name, field in fields.items()}
        values = {name: value for name, value in wanted.items() if value != getattr(current, name)}
        if not values:
            return
        User.objects.filter(pk=person.pk).update(**values, updated_at=now())
        audit_log.record(
            Kind.ACCOUNT_CHANGED,
            user=person,
            actor=held,
            reason=Reason.FIELDS,
            data={"fields": list(values)},
        )


def end_session(session: Session, *, operator: User, reason: str = "") -> Outcome | None:
    """End one session of somebody's; None if it had ended already."""
    return carry_out(
        END_SESSION, operator=operator, person=session.user, reason=reason, session=str(session.pk)
    )


def _invite(person: User) -> Outcome:
    outbox.put(outbox.Kind.INVITATION, user=person)
    return Outcome(Reason.MAILED_TO, {"address": person.email})


def _send_reset(person: User) -> Outcome:
    outbox.put(outbox.Kind.RESET, typed=person.username, user=person)
    return Outcome(Reason.MAILED_TO, {"address": person.email})


def _send_mail_again(person: User, mail: str) -> Outcome | None:
    found = OutgoingMail.objects.filter(pk=int(mail), user=person)
    return (
        Outcome(Reason.MAIL, {"mail": int(mail), "kind": found.get().kind})
        if found.send_again()
        else None
    )


def _send_mail_now(person: User, mail: str) -> Outcome | None:
    found = OutgoingMail.objects.filter(pk=int(mail), user=person)
    return (
        Outcome(Reason.MAIL, {"mail": int(mail), "kind": found.get().kind})
        if found.send_now()
        else None
    )


def _send_fresh_reset(person: User, mail: str) -> Outcome | None:
    """In place of one that was asked for long ago and failed; none if another one is on its way."""
    mails = OutgoingMail.objects.filter(user=person)
    if (
        not mails.outdated().filter(pk=int(mail)).exists()
        or mails.waiting().filter(kind=outbox.Kind.RESET).exists()
    ):
        return None
    return _send_reset(person)


def _give_temporary_password(person: User) -> Outcome:
    """Also unlocks: whoever was locked out can use it at once."""
    password = _temporary_password()
    passwords.set_temporary(person, password)
    rate_limits.unlock(person)
    return Outcome(Reason.EVERY_SESSION_ENDED, secret=password)


def _temporary_password() -> str:
    return get_random_string(16, passwords.CODE_LETTERS)


def _force_change(person: User) -> Outcome:
    person.must_change_password = True
    person.save(update_fields=["must_change_password", "updated_at"])
    return _end_sessions(person)


def _unlock(person: User) -> Outcome:
    rate_limits.unlock(person)
    return Outcome()


def _end_sessions(person: User) -> Outcome:
    ended = person.end_sessions(Reason.ENDED_BY_OPERATOR)
    return Outcome(Reason.SESSIONS_ENDED, {"count": ended})


def _end_session(person: User, session: str) -> Outcome | None:
    ended = Session.objects.filter(user=person, pk=UUID(session)).revoke(Reason.ENDED_BY_OPERATOR)
    return Outcome(Reason.SESSIONS_ENDED, {"count": 1}, session=UUID(session)) if ended else None


def _deactivate(person: User) -> Outcome:
    person.is_active = False
    person.save(update_fields=["is_active", "updated_at"])
    return Outcome()


def _reactivate(person: User) -> Outcome:
    person.is_active = True
    person.save(update_fields=["is_active", "updated_at"])
    return Outcome()


def _change_role(person: User, role: str) -> Outcome | None:
    """A browser that is signed in to the admin has to sign in anew; sessions of apps go on, and are asked for the role each time."""
    before = person.role
    if before == role:
        return None
    person.is_staff, person.is_superuser = ROLES[role]
    person.save(update_fields=["is_staff", "is_superuser", "updated_at"])
    person.void_logins()
    role_changed.send(User, user=person)
    if settings.EMAILS_ENABLED and person.email:
        outbox.put(outbox.Kind.ROLE_CHANGED, user=person, before=before, after=role)
    return Outcome(Reason.ROLE, {"before": before, "after": role})


def _change_identifiers(person: User, username: str, email: str, shown: str = "") -> Outcome | None:
    """Sessions, keys and the password go on: it is the same person."""
    changes = identifier_changes.change(person, username, email, shown=shown)
    return (
        Outcome(Reason.IDENTIFIERS, {name: list(change) for name, change in changes.items()})
        if changes
        else None
    )


def _erase(person: User, *, actor: User, reason: str) -> Outcome:
    erasure.erase(person, actor=actor, reason=reason)
    return Outcome()


def _reachable(person: User) -> bool:
    return bool(settings.EMAILS_ENABLED and person.is_active and person.email)


def _locked(person: User) -> bool:
    return bool(rate_limits.locked_for(person) or rate_limits.locked_at_home_for(person))


def _logged_in(people: QuerySet[User]) -> QuerySet[User]:
    """Whoever has a live session, or may have one of the admin, which no row of ours tells of."""
    return people.filter(
        Q(is_staff=True) | Exists(Session.objects.live().filter(user=OuterRef("pk")))
    )


INVITE = Act(
    name="invite",
    kind=Kind.INVITED,
    perform=_invite,
    fits=lambda person: _reachable(person) and not person.has_usable_password(),
)
SEND_RESET = Act(name="send_reset", kind=Kind.RESET_SENT, perform=_send_reset, fits=_reachable)
SEND_MAIL_AGAIN = Act(
    name="send_again", kind=Kind.MAIL_SENT_AGAIN, perform=_send_mail_again, on_oneself=True
)
SEND_MAIL_NOW = Act(
    name="send_now", kind=Kind.MAIL_SENT_AGAIN, perform=_send_mail_now, on_oneself=True
)
SEND_FRESH_RESET = Act(
    name="send_fresh_reset", kind=Kind.RESET_SENT, perform=_send_fresh_reset, fits=_reachable
)
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
UNLOCK = Act(name="unlock", kind=Kind.UNLOCKED, perform=_unlock, fits=_locked)
END_SESSIONS = Act(
    name="end_sessions",
    kind=Kind.SESSIONS_ENDED,
    perform=_end_sessions,
    among=_logged_in,
    on_oneself=True,
)
END_SESSION = Act(
    name="end_session", kind=Kind.SESSIONS_ENDED, perform=_end_session, on_oneself=True
)
DEACTIVATE = Act(
    name="deactivate",
    kind=Kind.DEACTIVATED,
    perform=_deactivate,
    fits=lambda person: person.is_active,
    dangerous=True,
)
REACTIVATE = Act(
    name="reactivate",
    kind=Kind.REACTIVATED,
    perform=_reactivate,
    fits=lambda person: not person.is_active,
    dangerous=True,
)
CHANGE_IDENTIFIERS = Act(
    name="change_identifiers",
    kind=Kind.IDENTIFIERS_CHANGED,
    perform=_change_identifiers,
    dangerous=True,
    on_oneself=True,
)
CHANGE_ROLE = Act(
    name="change_role",
    kind=Kind.ROLE_CHANGED,
    perform=_change_role,
    dangerous=True,
    super_only=True,
)
ERASE = Act(
    name="erase",
    kind=Kind.ERASED,
    perform=_erase,
    records=True,
    fits=lambda person: not person.erased_at,
    locks=erasure.SUPER_ADMINS,
    dangerous=True,
    super_only=True,
)
