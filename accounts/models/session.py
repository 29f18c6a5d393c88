"""Logins: the rows that the ``sid`` of every token names."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> SessionQuerySet:
        """Return the sessions that neither ended nor expired, by the database's clock."""
        return self.filter(revoked_at=None, expires_at__gt=Now())

    @transaction.atomic(savepoint=False)
    def revoke(self, reason: str) -> int:
        """End these sessions and blacklist their refresh tokens; return how many were live."""
        live = Session.objects.filter(pk__in=list(self.live().values_list("pk", flat=True)))
        ended = live.filter(revoked_at=None).update(revoked_at=Now(), revoked_reason=reason)
        # The tokens are read last: until now a rotation may have replaced them.
        blacklist(live.exclude(refresh_jti="").values("refresh_jti"))
        return ended


class Session(models.Model):
    """One login. Its id is the ``sid`` of every token made from it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions"
    )
    contract = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=255, blank=True)
    refresh_jti = models.CharField(
        max_length=32,
        blank=True,
        help_text="The one refresh token that is good now; empty where none was given out.",
    )
    previous_jti = models.CharField(
        max_length=32, blank=True, help_text="The one that rotation replaced by it."
    )
    rotated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # Its column has the name that it had up to 0.1.0.
    revoked_reason = models.CharField(max_length=100, blank=True, db_column="revoked_why")
    status_index = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="Its place in all status lists together; empty if it is older than these.",
    )

    objects = SessionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="session_newest"),
            models.Index(fields=["contract", "created_at"], name="session_newest_of_contract"),
            models.Index(
                fields=["status_index", "revoked_at"],
                condition=models.Q(status_index__isnull=False),
                name="session_status",
            ),
            models.Index(
                fields=["revoked_at"],
                condition=models.Q(revoked_at__isnull=False),
                name="session_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} session {self.pk}"


def blacklist(tokens: models.QuerySet[Any, Any]) -> None:
    """Put the refresh tokens with these ids on SimpleJWT's blacklist. Idempotent."""
    outstanding = OutstandingToken.objects.filter(jti__in=tokens).values_list("pk", flat=True)
    BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token_id=pk) for pk in outstanding], ignore_conflicts=True
    )
