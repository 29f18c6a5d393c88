"""Known networks: from each its user signs in with a budget of attempts of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models

# Precision of ``last_seen_at``: a user who signs in all day costs one write.
LAST_SEEN_PRECISION = timedelta(days=1)


class KnownNetwork(models.Model):
    """A network from which a user has signed in, or got a new password.

    It is no digest: sessions and the audit log hold the same address.
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
