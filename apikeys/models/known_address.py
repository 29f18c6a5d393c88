from typing import ClassVar

from django.db import models

from apikeys.models.api_key import APIKey


class KnownAddress(models.Model):
    """A network from which a key was used."""

    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="addresses")
    network = models.CharField(max_length=50)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "network"], name="one_row_per_key_and_network")
        ]

    def __str__(self) -> str:
        return f"{self.network} of {self.key_id}"
