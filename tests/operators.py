"""Operators, users to act on, and what their actions have changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from accounts import rate_limits, sessions
from accounts.errors import (
    InvalidCredentials,
    TooManyAttempts,
)
from accounts.mail import outbox
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, Session, User
from accounts.operators import mail_actions, user_actions
from accounts.operators.actions import Action
from apikeys import operator_actions as key_actions
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

ACTIONS = {
    action.name: action
    for module in (user_actions, mail_actions, key_actions)
    for action in vars(module).values()
    if isinstance(action, Action)
}


ROLES = {"user": (False, False), "admin": (True, False), "super_admin": (True, True)}


# Pairs of roles (operator, user) that are permitted; whether operators may do it to themselves.
TO_USERS = {
    ("admin", "user"),
    ("super_admin", "user"),
    ("super_admin", "admin"),
    ("super_admin", "super_admin"),
}


def make(username, role, **fields):
    is_staff, is_superuser = ROLES[role]
    email = f"{username}@example.com"
    return User.objects.create_user(
        username, PASSWORD, email=email, is_staff=is_staff, is_superuser=is_superuser, **fields
    )


def ready(name, user):
    """Make something for this action to do; return the arguments that it needs."""
    if name == "invite":
        User.objects.filter(pk=user.pk).update(password="!")
    if name == "unlock":
        lock(user.username)
    if name == "reactivate":
        User.objects.filter(pk=user.pk).update(is_active=False)
    if name == "change_identifiers":
        return {"username": "renamed", "email": "renamed@example.com"}
    if name == "change_role":
        return {"role": "user" if user.is_staff else "admin"}
    if name == "end_session":
        return {"session": str(log_in(user.username).session_id)}
    if name == "end_sessions":
        log_in(user.username)
    if name == "send_again":
        return {"mail": str(failed(user).pk)}
    if name == "send_fresh_reset":
        return {"mail": str(failed(user, created_at=now() - timedelta(days=1)).pk)}
    if name == "send_now":
        return {"mail": str(put_off(user).pk)}
    if name in ("end_keys", "end_key", "grant_introspect", "grant_revoke"):
        key, _ = APIKey.objects.issue(user.pk)
        return {} if name == "end_keys" else {"key": key.pk}
    return {}


def log_in(username):
    return sessions.open_session(bearer.contract.policy, username, PASSWORD)


def lock(name):
    for _ in range(11):
        with pytest.raises((InvalidCredentials, TooManyAttempts)), rate_limits.login_attempt(name):
            raise InvalidCredentials


def failed(user, **fields):
    outbox.put(outbox.Template.RESET, identifier=user.username, user=user)
    OutgoingMail.objects.update(status="failed", closed_at=now(), **fields)
    return OutgoingMail.objects.get()


def put_off(user):
    outbox.put(outbox.Template.RESET, identifier=user.username, user=user)
    OutgoingMail.objects.get().put_off("451 4.7.1 Later")
    return OutgoingMail.objects.get()


def state():
    """Return all rows that an action could have changed."""
    kept: list[Any] = [User, Session, APIKey, OutgoingMail, PasswordReset]
    return [list(model.objects.order_by("pk").values()) for model in kept]


def events():
    """Return what the audit log says that operators did."""
    found = AuditEvent.objects.exclude(actor=None).order_by("pk")
    return [
        (event.kind, event.name, event.actor and event.actor.username, reason_of(event))
        for event in found
    ]
