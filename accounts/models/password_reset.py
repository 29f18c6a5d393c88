"""Password resets: the digests of a token and a code, and whether they were used."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class PasswordResetQuerySet(models.QuerySet["PasswordReset"]):
    def usable(self) -> PasswordResetQuerySet:
        """Return the resets whose link can be used. Wrong codes of strangers end none."""
        return self.filter(used_at=None, expires_at__gt=Now())

    def open_to_codes(self) -> PasswordResetQuerySet:
        """Return the resets whose code can be used; an invitation has none."""
        fresh = self.usable().filter(wrong_tries__lt=PasswordReset.MAX_WRONG_CODES)
        return fresh.exclude(code_digest="")

    def void(self) -> int:
        """Void link and code of these resets; return how many were usable."""
        return self.filter(used_at=None, expires_at__gt=Now()).update(used_at=Now())


class PasswordReset(models.Model):
    """A password reset, mailed as a link's token and as a code. Using one uses up both."""

    MAX_WRONG_CODES = 5

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="resets"
    )
    mail = models.ForeignKey(
        "OutgoingMail",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What it was sent with.",
    )
    token_digest = models.CharField(max_length=64, unique=True)
    code_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    wrong_tries = models.PositiveSmallIntegerField(
        default=0, help_text="Wrong codes; the fifth ends the code, never the link."
    )

    objects = PasswordResetQuerySet.as_manager()

    def __str__(self) -> str:
        return f"reset for {self.user}"

    def use(self, *, by_code: bool = False) -> bool:
        """Use up link and code; return False if they were used before, or have expired."""
        usable = (
            PasswordReset.objects.open_to_codes() if by_code else PasswordReset.objects.usable()
        )
        return bool(usable.filter(pk=self.pk).update(used_at=Now()))
