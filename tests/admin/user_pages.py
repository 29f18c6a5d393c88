"""Addresses and forms of the pages of users in the admin site."""

from django.urls import reverse

from accounts import sessions
from authsvc.contracts import bearer
from tests.conftest import PASSWORD

LIST, ADD, INDEX, AUDIT_LOG = (
    reverse(f"admin:{name}")
    for name in (
        "accounts_user_changelist",
        "accounts_user_add",
        "index",
        "accounts_auditevent_changelist",
    )
)


def page(user, name="change"):
    return reverse(f"admin:accounts_user_{name}", args=[user.pk])


def fields(user, **changes):
    """Return the fields that the change form sends for this account."""
    usual = {
        name: getattr(user, name) or ""
        for name in ("username", "email", "name", "organization", "aws_region", "language")
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def new(username="carol", first_password="temporary", **more):
    return {"username": username, "email": "", "first_password": first_password, **more}


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract.policy, username, password)
