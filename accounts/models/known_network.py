"""Networks from which accounts have signed in, or got a new password: strangers who guess at a name do not keep its owner out there."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models

WRITTEN = timedelta(days=1)  # how exact ``last_seen_at`` is: who signs in all day costs one write


class KnownNetwork(models.Model):
    """A network from which an account has signed in, or got a new password.

    Sessions and the audit log hold the same address in clear, so a digest here would hide nothing.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="known_networks",
        db_index=False,
    )
    network = models.GenericIPAddressField(
        help_text="An IPv4 address, or the first address of an IPv6 /64."
    )
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "network"], name="one_row_per_user_and_network")
        ]

    def __str__(self) -> str:
        return str(self.network)
