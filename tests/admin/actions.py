"""Requests that an operator's browser sends from the pages of actions."""

from contextlib import suppress
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts import rate_limits, sessions
from accounts.admin import action_registry
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.models import AuditEvent
from authsvc.contracts import bearer
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

LIST, INDEX, LOGIN = (
    reverse("admin:accounts_user_changelist"),
    reverse("admin:index"),
    reverse("admin:login"),
)


def action_url(model: type[Model], name: str) -> str:
    return action_registry.find(model, name).url


def confirm_action(client: Client, name: str, *rows: Model, **fields: Any) -> Any:
    """Confirm an action on these rows, with a reason and the operator's password."""
    sent = {
        "ids": ",".join(str(row.pk) for row in rows),
        "reason": "ticket 7",
        "password": PASSWORD,
    } | fields
    return client.post(
        action_url(type(rows[0]), name),
        {key: value for key, value in sent.items() if value is not None},
    )


def choose_action(client: Client, name: str, *rows: Model, **fields: Any) -> Any:
    """Tick rows in the list and choose an action: the response is its confirmation."""
    meta = rows[0]._meta
    sent = {"action": name, "_selected_action": [row.pk for row in rows]} | fields
    return client.post(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"), sent)


def open_action(client: Client, name: str, *rows: Model, **asked: str) -> Any:
    return client.get(
        action_url(type(rows[0]), name), {"ids": ",".join(str(row.pk) for row in rows)} | asked
    )


def lock(name: str) -> None:
    """Guess at this name until it is locked."""
    for _ in range(11):
        with suppress(InvalidCredentials, TooManyAttempts), rate_limits.login_attempt(name):
            raise InvalidCredentials


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract.policy, username, password)


def text(answer):
    return " ".join(answer.content.decode().split())


def page(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


def events():
    found = AuditEvent.objects.exclude(actor=None).order_by("pk")
    return [
        (event.kind, event.name, event.actor and event.actor.username, reason_of(event))
        for event in found
    ]


def refresh(*users):
    for user in users:
        user.refresh_from_db()
