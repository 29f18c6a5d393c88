"""Users that operators create, invite and edit."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import EmailDisabled, NotPermitted
from accounts.models import User
from accounts.operators import actions, permissions, user_actions
from accounts.operators.user_fields import EDITABLE_FIELDS


def invite(user: User, *, operator: User) -> User:
    """Add an account without a password, and mail its owner a link to choose one.

    Raises `EmailDisabled`, and adds nothing, if no mail can be sent.
    """
    with actions.refusals_recorded(operator, User(username=user.username)), transaction.atomic():
        create(user, operator=operator)
        if not actions.carry_out(user_actions.INVITE, operator=operator, user=user):
            raise EmailDisabled(Reason.NO_ADDRESS if settings.EMAILS_ENABLED else Reason.MAIL_OFF)
        return user


def create_with_temporary_password(user: User, *, operator: User) -> str:
    """Add an account whose owner has to choose another password at the first login.

    Returns the temporary password, which is kept nowhere else.
    """
    password = user_actions.temporary_password()
    create(user, operator=operator, password=password)
    return password


def create(user: User, *, operator: User, password: str | None = None) -> User:
    """Add an account of an ordinary user; a password that is given here is a temporary one."""
    with actions.refusals_recorded(operator, User(username=user.username)), transaction.atomic():
        locked = User.objects.lock_row(operator.pk)
        if locked is None or not permissions.is_operator(locked):
            raise NotPermitted("create")
        if user.is_admin or not user._state.adding:
            raise NotPermitted("create")
        user.set_password(password)
        user.must_change_password = password is not None
        user.save()
        audit_log.record(
            audit_log.Kind.ACCOUNT_CHANGED, user=user, actor=locked, reason=Reason.CREATED
        )
        return user


def edit(user: User, *, operator: User, changed: list[str]) -> None:
    """Save the fields of a profile that `changed` names, and no others."""
    with actions.refusals_recorded(operator, user), transaction.atomic():
        operator, current = actions.lock_accounts(operator, user)
        if not permissions.may_edit(operator, current) or not set(changed) <= set(EDITABLE_FIELDS):
            raise NotPermitted("edit")
        values = _changed_values(user, current, changed)
        if not values:
            return
        User.objects.filter(pk=user.pk).update(**values, updated_at=now())
        audit_log.record(
            audit_log.Kind.ACCOUNT_CHANGED,
            user=user,
            actor=operator,
            reason=Reason.FIELDS,
            data={"fields": list(values)},
        )


def _changed_values(user: User, current: User, names: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: User._meta.get_field(name) for name in names}
    wanted = {name: field.to_python(getattr(user, name)) for name, field in fields.items()}
    return {name: value for name, value in wanted.items() if value != getattr(current, name)}
