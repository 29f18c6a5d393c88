"""The dashboard: notices, shortcuts, cards, and charts of the last 24 hours and 30 days."""

from collections.abc import Iterable
from typing import Any

from django.urls import NoReverseMatch, reverse

from accounts.admin import dashboard_charts, dashboard_notices
from accounts.admin.dashboard_cards import LiveCard, MailCard, SigningKeyCard
from accounts.audit import statistics
from accounts.models import User
from accounts.operators import permissions

SHORTCUTS = (  # label, name of the page, whether for super admins alone
    ("Find user", "admin:accounts_user_changelist", False),
    ("Invite user", "admin:accounts_user_add", False),
    ("Request report", "admin:accounts_auditevent_request", False),
    ("Import users", "admin:accounts_user_import", False),
    ("Audit log", "admin:accounts_auditevent_changelist", False),
    ("Mails", "admin:accounts_outgoingmail_changelist", False),
    ("Rotate the signing key", "admin:accounts_signingkey_changelist", True),
)


def context(operator: User) -> dict[str, Any]:
    """Return the context of the dashboard's template, by a fixed number of queries."""
    recent, mail = statistics.recent(), MailCard()
    keys = SigningKeyCard(recent.at) if permissions.is_super_admin(operator) else None
    topics = dashboard_charts.TOPICS
    return {
        "recent": recent,
        "notices": dashboard_notices.for_operator(operator, recent, mail, keys),
        "topics": [(topic, *dashboard_charts.pair(topic, recent)) for topic in topics],
        "live": LiveCard(recent),
        "mail": mail,
        "signing_keys": keys,
        "shortcuts": list(_shortcuts(operator)),
    }


def _shortcuts(operator: User) -> Iterable[tuple[str, str]]:
    """Yield the label and address of each shortcut that this operator may use."""
    for label, name, for_super_admins in SHORTCUTS:
        if not for_super_admins or permissions.is_super_admin(operator):
            try:
                yield label, reverse(name)
            except NoReverseMatch:
                continue
