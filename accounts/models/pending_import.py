"""Uploaded files of users that wait for an operator to confirm them, on any node."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.timezone import now

from accounts import encryption

IMPORT_LIFETIME = timedelta(minutes=30)


def until() -> Any:
    """Return the end of a lifetime that begins now. The first migration names this function."""
    return now() + IMPORT_LIFETIME


class PendingImport(models.Model):
    """A file of users between its preview and its confirmation, and then its report.

    Both are encrypted and only for their operator.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    filename = models.CharField(max_length=100)
    file = models.TextField(
        blank=True,
        editable=False,
        help_text="Encrypted, for it may hold passwords; empty once it was confirmed.",
    )
    report = models.TextField(
        blank=True, editable=False, help_text="Encrypted, for it names users."
    )
    options = models.JSONField(default=dict)
    begun_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(default=until, db_index=True)

    objects = models.Manager["PendingImport"]()

    class Meta:
        db_table = "accounts_waitingimport"  # the model's name up to 0.1.0

    def __str__(self) -> str:
        return f"import of {self.filename}"

    def seal_file(self, content: bytes) -> None:
        self.file = encryption.encrypt(content, f"import {self.pk}")

    def open_file(self) -> bytes:
        return encryption.decrypt(self.file, f"import {self.pk}")

    def seal_report(self, lines: Iterable[dict[str, Any]]) -> None:
        self.report = encryption.encrypt(json.dumps(list(lines)).encode(), f"report {self.pk}")

    def open_report(self) -> list[dict[str, Any]]:
        report: list[dict[str, Any]] = json.loads(
            encryption.decrypt(self.report, f"report {self.pk}")
        )
        return report

    @classmethod
    def of(cls, operator: models.Model, pk: Any) -> PendingImport | None:
        """Return the import with this id, if it is this operator's and has not expired."""
        return cls.objects.filter(pk=pk, operator_id=operator.pk, expires_at__gt=Now()).first()

    def begin(self) -> bytes | None:
        """Take out and return the file's content; None for every call but the first."""
        content = self.open_file() if self.file else None
        first = PendingImport.objects.filter(
            pk=self.pk, begun_at=None, expires_at__gt=Now()
        ).update(begun_at=Now(), file="")
        return content if first else None
