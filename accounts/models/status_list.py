"""Rows that status lists need beside the sessions: those that are gone, and a seed."""

from django.db import models


class DeletedSession(models.Model):
    """A session whose row was deleted while its tokens could still be good.

    A trigger of the database adds it. Its number stays until the last of these tokens has expired.
    """

    status_index = models.BigIntegerField(primary_key=True)
    deleted_at = models.DateTimeField(db_index=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"deleted session {self.status_index}"


class StatusListSeed(models.Model):
    """The one random number from which the order of the indices in every list follows."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seed = models.BinaryField()

    def __str__(self) -> str:
        return "seed of the status lists"
