"""Actions of operators on users: permission, locks, the change and its audit event.

`user_actions` and `mail_actions` define them. Callers are the admin site and the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.errors import MissingReason, NotPermitted
from accounts.models import User
from accounts.operators import permissions

Kind = audit_log.Kind
NO_USERS = Q(pk__in=())


@dataclass(frozen=True)
class Outcome:
    """The result of an action: code, data and session for the audit log, and a secret to show."""

    reason: str = ""
    data: Data = field(default_factory=dict)
    session: UUID | None = None
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that operators do to one user.

    `perform` gets the user and the arguments of `carry_out`, inside the transaction that also
    writes the audit event. It returns None if there was nothing to do after all.
    `applies` and `applicable` say whether there is anything to do: `applies` for a user as read,
    `applicable` as a filter that the database answers for many users at once.
    `also_lock` selects users that are locked beside the operator and the user.
    A dangerous action needs a reason; interfaces ask for the operator's password before it.
    An action that `records_itself` gets `actor` and `reason` and writes its own audit event.
    """

    name: str
    kind: str
    perform: Callable[..., Outcome | None]
    applies: Callable[[User], bool] = lambda user: True
    applicable: Callable[[QuerySet[User]], QuerySet[User]] | None = None
    also_lock: Q = NO_USERS
    dangerous: bool = False
    for_super_admins: bool = False
    allowed_on_oneself: bool = False
    records_itself: bool = False


def may_carry_out(operator: User, action: Action, user: User) -> bool:
    """Return whether `operator` may do this to `user`.

    No operator changes their own role or locks themselves out.
    """
    if action.for_super_admins and not permissions.is_super_admin(operator):
        return False
    if operator.pk == user.pk and not action.allowed_on_oneself:
        return False
    return permissions.may_edit(operator, user)


def applies(action: Action, user: User) -> bool:
    """Return whether there is anything to do to `user`, as read; permissions are not looked at."""
    return action.applies(user) and (
        action.applicable is None or action.applicable(User.objects.filter(pk=user.pk)).exists()
    )


@dataclass(frozen=True)
class Eligibility:
    """Users by what `carry_out` would answer: done, nothing to do, or not permitted."""

    eligible: list[User]
    nothing_to_do: list[User]
    forbidden: list[User]


def eligibility(action: Action, *, operator: User, users: QuerySet[User]) -> Eligibility:
    """Return what `carry_out` would answer for each user, in at most two queries."""
    applicable = (
        set(action.applicable(users).values_list("pk", flat=True)) if action.applicable else None
    )
    found = Eligibility([], [], [])
    for user in users:
        if not may_carry_out(operator, action, user):
            found.forbidden.append(user)
        elif (applicable is None or user.pk in applicable) and action.applies(user):
            found.eligible.append(user)
        else:
            found.nothing_to_do.append(user)
    return found


def carry_out(
    action: Action, *, operator: User, user: User, reason: str = "", **arguments: str
) -> Outcome | None:
    """Do it and write its audit event, by what the database says of both accounts now.

    Returns None if there was nothing to do. Raises `NotPermitted`, which is an audit event of its
    own, and `MissingReason` for a dangerous action without a reason.
    """
    with refusals_recorded(operator, user), transaction.atomic():
        operator, user = lock_accounts(operator, user, action.also_lock)
        if not may_carry_out(operator, action, user):
            raise NotPermitted(action.name)
        if action.dangerous and not reason.strip():
            raise MissingReason(action.name)
        if not applies(action, user):
            return None
        if action.records_itself:
            return action.perform(user, **arguments, actor=operator, reason=reason)
        outcome = action.perform(user, **arguments)
        if outcome:
            _record(action, outcome, operator=operator, user=user, note=reason)
        return outcome


def _record(action: Action, outcome: Outcome, *, operator: User, user: User, note: str) -> None:
    audit_log.record(
        action.kind,
        user=user,
        actor=operator,
        session=outcome.session,
        reason=outcome.reason,
        data=outcome.data,
        note=note,
    )


@contextmanager
def refusals_recorded(operator: User, user: User | None = None) -> Iterator[None]:
    """Write an audit event for a `NotPermitted` that leaves the block.

    It goes around the transaction, which the refusal undoes.
    """
    try:
        yield
    except NotPermitted as refusal:
        audit_log.record_with_current_name(
            Kind.ACTION_REFUSED, user=user, actor=operator, reason=refusal.reason, data=refusal.data
        )
        raise


def lock_accounts(operator: User, user: User, others: Q = NO_USERS) -> tuple[User, User]:
    """Lock both accounts, and all others, in the order of their ids; return both as they are now.

    Of two super admins who demote each other, one comes second, and no transaction that holds
    some of these locks waits for one that comes before them.
    """
    concerned = User.objects.for_update().filter(Q(pk__in={operator.pk, user.pk}) | others)
    locked = {account.pk: account for account in concerned}
    if not {operator.pk, user.pk} <= locked.keys():
        raise NotPermitted(reason=Reason.NO_SUCH_ACCOUNT)
    return locked[operator.pk], locked[user.pk]
