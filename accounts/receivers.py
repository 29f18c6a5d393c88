"""Receivers of Django's signals. ``accounts.apps`` imports them when the app starts."""

from typing import Any

from django.apps import apps
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from accounts.audit import audit_log
from accounts.audit.query import address_in_network
from accounts.audit.reasons import Reason
from accounts.db import trigram_indexes


@receiver(user_logged_in, dispatch_uid="accounts.record_sign_in")
def record_sign_in(sender: Any, user: Any, **kwargs: Any) -> None:
    """Record a sign-in to the admin site; API logins do not send this signal."""
    audit_log.record(audit_log.Kind.LOGIN, user=user, reason=Reason.SIGNED_IN_TO_ADMIN)


@receiver(user_logged_out, dispatch_uid="accounts.record_sign_out")
def record_sign_out(sender: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        audit_log.record(audit_log.Kind.LOGOUT, user=user, reason=Reason.SIGNED_OUT_OF_ADMIN)


@receiver(connection_created, dispatch_uid="accounts.add_sqlite_function")
def add_sqlite_function(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Give SQLite the function that filters the audit log by network."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(
            "address_in_network", 2, address_in_network, deterministic=True
        )


post_migrate.connect(
    trigram_indexes.make,
    sender=apps.get_app_config("accounts"),
    dispatch_uid="accounts.db.trigram_indexes",
)
