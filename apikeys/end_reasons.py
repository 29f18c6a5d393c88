"""Codes of why an API key ended, for programs to store and compare, each with its sentence for people."""

from django.db.models import TextChoices


class EndReason(TextChoices):
    """A new one needs no migration."""

    DELETED = "deleted", "deleted by its owner"
    LEAKED = "leaked", "reported as leaked"
    OWNER_DEACTIVATED = "owner_deactivated", "account deactivated"
    ENDED_BY_OPERATOR = "ended_by_operator", "ended by an operator"
    OWNER_NO_OPERATOR = "owner_no_operator", "its owner is no operator any more"


def text(code: str) -> str:
    """The sentence of a code; what another release wrote is its own."""
    return str(EndReason(code).label) if code in EndReason else code
