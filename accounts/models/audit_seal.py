"""Models of the audit log's seals."""

from typing import ClassVar

from django.db import models


class AuditSeal(models.Model):
    """A seal of the events after ``after``, up to ``up_to``, chained to the seal before it."""

    number = models.BigIntegerField(primary_key=True)
    after = models.BigIntegerField(help_text="The last event of the seal before.")
    up_to = models.BigIntegerField(help_text="The last event of this one.")
    last_at = models.DateTimeField(help_text="When the newest of its events happened.")
    previous_at = models.DateTimeField(null=True, help_text="The same of the seal before.")
    sealed_at = models.DateTimeField()
    rows = models.BinaryField(help_text="Of each event its id and a digest of its columns.")
    previous = models.BinaryField(help_text="The digest of the seal before.")
    digest = models.BinaryField()
    token = models.BinaryField(
        help_text="What only the holder of the key knows of this number: the database asks for it."
    )
    # A token's digest; the column keeps the name that the database's triggers know.
    next_lock = models.BinaryField(help_text="The SHA-256 of the token of the next seal.")

    def __str__(self) -> str:
        return f"seal {self.number}, up to event {self.up_to}"


class ErasedValue(models.Model):
    """A keyed digest of the value of one column of an event, from before an erasure replaced it."""

    event_id = models.BigIntegerField()
    field = models.CharField(max_length=20)
    digest = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event_id", "field"], name="one_erased_value_per_field")
        ]

    def __str__(self) -> str:
        return f"{self.field} of event {self.event_id}"


class SealKey(models.Model):
    """The key of all seals, encrypted like the signing keys: no copy of the database has it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    sealed = models.TextField(editable=False)
    first_lock = models.BinaryField(help_text="The SHA-256 of the token of the first seal.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_key_of_the_seals")
        ]

    def __str__(self) -> str:
        return "the key of the seals"
