"""Erasure of one user: the audit log keeps the events, under a stand-in for the user's name.

The account's row stays, empty and unusable: a login, a mail or a key that is under way at this
moment finds the account changed, and stops. Its identifiers are free; a new account with one of
them inherits nothing.
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
from accounts.identifiers import identifiers_of
from accounts.models import OutgoingMail, PendingImport, User
from accounts.privacy import erased_events
from accounts.signals import account_erased

SUPER_ADMINS = Q(is_superuser=True, is_staff=True, is_active=True)  # of these one has to stay


@transaction.atomic
def erase(user: User, *, actor: User | None = None, reason: str = "") -> str:
    """Erase this user; return the stand-in for their name.

    ``NotPermitted`` for the last super admin, and for a user who is erased already. The erasure is
    recorded under the stand-in, with the operator and their reason. Afterwards ``user`` is the
    empty account.
    """
    locked = User.objects.for_update().filter(Q(pk=user.pk) | SUPER_ADMINS)
    users = {each.pk: each for each in locked}
    current = users.get(user.pk)
    if current is None or current.erased_at:
        raise NotPermitted(reason=Reason.ERASED_ALREADY)
    if current.is_superuser and len(users) == 1:
        raise NotPermitted(reason=Reason.LAST_SUPER_ADMIN)
    stand_in = f"{audit_log.ERASED}{secrets.token_hex(4)}"
    account_erased.send(User, user=current)
    erased_events.erase(current, stand_in, actor=actor, note=reason)
    _delete_rows(current)
    rate_limits.unlock(current)
    _empty(current, stand_in)
    user.refresh_from_db()
    return stand_in


def _delete_rows(user: User) -> None:
    user.sessions.all().delete()
    user.known_networks.all().delete()
    user.resets.all().delete()
    OutgoingMail.objects.filter(Q(user=user) | _mails_to(identifiers_of(user))).delete()
    OutstandingToken.objects.filter(user=user).update(user=None)
    PendingImport.objects.filter(operator=user).delete()
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)
    ).delete()
    BrowserSession.objects.filter(pk__in=list(_browser_sessions(user))).delete()


def _mails_to(identifiers: Iterable[str]) -> Q:
    """Return the condition of mails that were requested with, or sent to, one of these."""
    condition = Q()
    for each in identifiers:
        condition |= Q(identifier__iexact=each) | Q(recipient__iexact=each)
    return condition


def _browser_sessions(user: User) -> Iterable[str]:
    """Yield the keys of the user's sessions of the admin.

    Django's rows have no user beside their encrypted data, so each is decrypted.
    """
    for session in BrowserSession.objects.filter(expire_date__gt=now()).iterator():
        data = browser_sessions.opened(session.pk, session.session_data)
        if data.get(SESSION_KEY) == str(user.pk):
            yield session.session_key


def _empty(user: User, stand_in: str) -> None:
    at = now()
    User.objects.filter(pk=user.pk).update(
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
