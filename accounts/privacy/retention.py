"""Retention: deletion of rows that decide nothing any more."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.db.models import Model, Q, QuerySet
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts.audit import seals
from accounts.models import (
    AuditEvent,
    DeletedSession,
    KnownNetwork,
    OutgoingMail,
    PasswordReset,
    PendingImport,
    Session,
    SigningKey,
)

ROWS_PER_TRANSACTION = 1000  # rows of one transaction, so that no login waits long for a lock


def deletable(keep: timedelta) -> list[QuerySet[Model]]:
    """Return the rows to delete.

    Those that operators look at stay for ``keep`` after their end; others are deleted at once.
    """
    at = now()
    before = at - keep
    return [
        Session.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before)),
        OutstandingToken.objects.filter(expires_at__lt=at),
        DeletedSession.objects.filter(expires_at__lt=at),
        KnownNetwork.objects.filter(last_seen_at__lt=at - settings.KNOWN_NETWORK_LIFETIME),
        PasswordReset.objects.filter(expires_at__lt=before),
        OutgoingMail.objects.filter(closed_at__lt=before),
        SigningKey.objects.filter(use=SigningKey.Use.PREVIOUS, retires_at__lt=at),
        PendingImport.objects.filter(expires_at__lt=at),
        BrowserSession.objects.filter(expire_date__lt=at),
    ]


def prune(
    keep: timedelta, progress: Callable[[Iterator[int]], Iterator[int]] = iter
) -> dict[str, int]:
    """Delete what is deletable, in batches; return the number of rows by model."""
    counts = {rows.model._meta.label: sum(progress(_delete(rows))) for rows in deletable(keep)}
    if settings.AUDIT_RETENTION is not None:
        counts[AuditEvent._meta.label] = sum(
            progress(seals.delete_before(now() - settings.AUDIT_RETENTION))
        )
    return counts


def _delete(rows: QuerySet[Model]) -> Iterator[int]:
    while batch := list(rows.order_by("pk").values_list("pk", flat=True)[:ROWS_PER_TRANSACTION]):
        rows.model._default_manager.filter(pk__in=batch).delete()
        yield len(batch)
