"""Pages of the admin site: users, sessions, mails, signing keys, the audit log."""

from accounts import admin_site
from accounts.admin import (
    action_definitions,
    action_registry,
    audit_log,
    dashboard,
    outgoing_mail,
    sessions,
    signing_keys,
    users,
)
from accounts.admin.base import ReadOnlyAdmin, SuperAdminsOnly, operator

__all__ = [
    "ReadOnlyAdmin",
    "SuperAdminsOnly",
    "action_definitions",
    "action_registry",
    "audit_log",
    "operator",
    "outgoing_mail",
    "sessions",
    "signing_keys",
    "users",
]

admin_site.dashboard_parts.append(dashboard.context)
