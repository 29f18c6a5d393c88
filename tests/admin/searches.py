"""Pages of the admin site that search, and their rows."""

from datetime import timedelta

from django.urls import reverse
from django.utils.timezone import now

from accounts.models import Session

PEOPLE, FIND, SESSIONS, MAILS = (
    reverse(f"admin:accounts_{name}")
    for name in ("user_changelist", "user_find", "session_changelist", "outgoingmail_changelist")
)
KEYS = reverse("admin:apikeys_apikey_changelist")


def open_session(user, **fields):
    return Session.objects.create(
        user=user,
        **{"contract": "bearer", "last_used_at": now(), "expires_at": now() + timedelta(days=1)}
        | fields,
    )


def rows(client, path, **asked):
    return [str(row) for row in client.get(path, asked).context["cl"].result_list]


def page_of(user):
    return reverse("admin:accounts_user_change", args=[user.pk])
