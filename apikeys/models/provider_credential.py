from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from accounts import encryption
from accounts.audit.reasons import Reason
from accounts.validators import validate_region
from apikeys.errors import UnreadableSecret

# Stored values end up in examples that are pasted into shells: no character that means
# anything there can come in.
validate_key_id = RegexValidator(
    r"\A[A-Z0-9]{16,128}\Z", "An access key id is 16 to 128 capital letters and digits."
)
validate_secret = RegexValidator(
    r"\A[!-~]{1,4096}\Z",
    "A secret is one line of ASCII letters, digits and signs, without a space.",
)


class ProviderCredential(models.Model):
    """The credentials for one upstream service, the secret encrypted: one row per provider."""

    class Provider(models.TextChoices):
        AWS = "aws", "AWS"
        NVIDIA = "nvidia", "NVIDIA"

    provider = models.CharField(max_length=10, primary_key=True, choices=Provider.choices)
    key_id = models.CharField(
        "access key id",
        max_length=128,
        blank=True,
        validators=[validate_key_id],
        help_text="Of AWS only.",
    )
    region = models.CharField(
        max_length=50,
        blank=True,
        validators=[validate_region],
        help_text="Of AWS only; an account's own region goes first.",
    )
    encrypted_secret = models.TextField(
        db_column="sealed",  # the name that the column had before
        editable=False,
        help_text="The secret, encrypted for this row.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.get_provider_display()} credentials"

    def clean(self) -> None:
        """Require an access key id and a region for AWS, and neither for other providers."""
        is_aws = self.provider == self.Provider.AWS
        wrong = [field for field in ("key_id", "region") if bool(getattr(self, field)) != is_aws]
        if wrong:
            raise ValidationError(
                dict.fromkeys(wrong, "AWS needs one." if is_aws else "Only AWS has one.")
            )

    def encrypt_secret(self, secret: str) -> None:
        validate_secret(secret)
        self.encrypted_secret = encryption.encrypt(secret.encode(), self._context)

    def decrypt_secret(self) -> str:
        """Return the secret itself, which must not leave this process; ``UnreadableSecret``."""
        try:
            return encryption.decrypt(self.encrypted_secret, self._context).decode()
        except encryption.InvalidToken as error:
            raise UnreadableSecret(
                Reason.UNREADABLE, data={"what": f"the secret of {self}", "provider": self.provider}
            ) from error

    @property
    def _context(self) -> str:
        return f"provider {self.provider}"
