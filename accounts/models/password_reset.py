"""Password resets: a link's token and a code for each, of which digests are kept."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class PasswordResetQuerySet(models.QuerySet["PasswordReset"]):
    def usable(self) -> PasswordResetQuerySet:
        """By its link at least: wrong codes end no link, or strangers who guess at codes would."""
        return self.filter(used_at=None, expires_at__gt=Now())

    def open_to_codes(self) -> PasswordResetQuerySet:
        return self.usable().filter(wrong_tries__lt=PasswordReset.TRIES).exclude(code_digest="")

    def void(self) -> int:
        """Let neither link nor code of these open anything; how many had not been used, and had not expired."""
        return self.filter(used_at=None, expires_at__gt=Now()).update(used_at=Now())


class PasswordReset(models.Model):
    """One way back in, sent by mail as a link's token and as a code, of which digests are kept. Using one uses up both."""

    TRIES = 5

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
        """Use it up, link and code; False if somebody else did so first, or it ended."""
        usable = (
            PasswordReset.objects.open_to_codes() if by_code else PasswordReset.objects.usable()
        )
        return bool(usable.filter(pk=self.pk).update(used_at=Now()))
