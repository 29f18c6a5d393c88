"""Counts by the hour: one row for each hour, kind, contract and reason."""

from typing import ClassVar

from django.db import models


class HourlyCount(models.Model):
    """The number of events in one hour (UTC), or the last number of live things in it."""

    hour = models.DateTimeField()
    kind = models.CharField(
        max_length=30,
        help_text="An audit event's, or one of those that accounts.audit.statistics names.",
    )
    contract = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    count = models.PositiveBigIntegerField(default=0)
    counted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["hour", "kind", "contract", "reason"], name="one_count_per_hour_and_thing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.kind} in the hour of {self.hour:%Y-%m-%d %H:%M}"
