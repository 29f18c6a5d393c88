"""Forgetting one person: what happened stays told, of somebody whom nothing names.

The account's row stays, empty and for nobody to use: a login, a mail or a key that is under way at this moment finds that the account is
not what it was, and stops. Its names are free; whoever takes them inherits nothing.
"""

import secrets
from collections.abc import Iterable
from uuid import uuid4

from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session as BrowserSession
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import browser_sessions, rate_limits
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import NotPermitted
from accounts.models import OutgoingMail, PendingImport, User
from accounts.privacy import erased_events
from accounts.signals import account_erased

SUPER_ADMINS = Q(is_superuser=True, is_staff=True, is_active=True)  # of whom one has to stay


@transaction.atomic
def erase(person: User, *, actor: User | None = None, reason: str = "") -> str:
    """Forget this person, and give back the name that stands in for theirs. ``NotPermitted`` for the last super admin, or a second time.

    That it happened is on record under that name, with the operator and their reason.

    Afterwards ``person`` is the empty account that is left.
    """
    supers = User.objects.locked().filter(Q(pk=person.pk) | SUPER_ADMINS)
    held = {user.pk: user for user in supers}
    current = held.get(person.pk)
    if current is None or current.erased_at:
        raise NotPermitted(reason=Reason.ERASED_ALREADY)
    if current.is_superuser and len(held) == 1:
        raise NotPermitted(reason=Reason.LAST_SUPER_ADMIN)
    stand_in = f"{audit_log.ERASED}{secrets.token_hex(4)}"
    account_erased.send(User, user=current)
    erased_events.erase(current, stand_in, actor=actor, note=reason)
    _forget_rows(current)
    rate_limits.unlock(current)
    _empty(current, stand_in)
    person.refresh_from_db()
    return stand_in


def _forget_rows(person: User) -> None:
    person.sessions.all().delete()
    person.known_networks.all().delete()
    person.resets.all().delete()
    OutgoingMail.objects.filter(Q(user=person) | _typed(person.username, person.email)).delete()
    OutstandingToken.objects.filter(user=person).update(user=None)
    PendingImport.objects.filter(operator=person).delete()
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk)
    ).delete()
    BrowserSession.objects.filter(pk__in=list(_browser_sessions(person))).delete()


def _typed(*names: str | None) -> Q:
    """Mails that were asked for, or sent, under one of these names."""
    condition = Q()
    for name in filter(None, names):
        condition |= Q(identifier__iexact=name) | Q(recipient__iexact=name)
    return condition


def _browser_sessions(person: User) -> Iterable[str]:
    """Sessions of the admin: Django's rows tell whose they are only when they are opened."""
    for session in BrowserSession.objects.filter(expire_date__gt=now()).iterator():
        if browser_sessions.opened(session.pk, session.session_data).get(SESSION_KEY) == str(
            person.pk
        ):
            yield session.session_key


def _empty(person: User, stand_in: str) -> None:
    at = now()
    User.objects.filter(pk=person.pk).update(
        uuid=uuid4(),  # the old one is in tokens that others may keep
        username=stand_in,
        email=None,
        name="",
        organization="",
        aws_region="",
        language="",
        password=make_password(None),
        is_active=False,
        is_staff=False,
        is_superuser=False,
        must_change_password=False,
        password_generated=False,
        last_login=None,
        credential_version=F("credential_version") + 1,
        created_at=at,
        updated_at=at,
        erased_at=at,
    )
