"""Keys that sign tokens, their private halves encrypted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SigningKey(models.Model):
    """A key that signs tokens.

    It is published before it signs, and verifies until the last token that it signed has expired.
    """

    class Use(models.TextChoices):
        NEXT = "next", "Next: published, not signing yet"
        CURRENT = "current", "Current: signs"
        PREVIOUS = "previous", "Previous: only verifies"

    kid = models.CharField("key id", max_length=64, primary_key=True)
    algorithm = models.CharField(max_length=10)
    private = models.TextField(help_text="PKCS #8 or raw secret, encrypted.", editable=False)
    use = models.CharField(max_length=10, choices=Use.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    retires_at = models.DateTimeField(
        null=True, help_text="When the last token that it signed has expired."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["use"],
                condition=models.Q(use__in=["next", "current"]),
                name="one_signing_key_per_use",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid} ({self.use})"
