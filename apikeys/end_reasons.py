"""Codes of the reasons for which API keys end, each with its sentence for people."""

from django.db.models import TextChoices


class EndReason(TextChoices):
    """A code is stored as it is: a new one needs no migration."""

    DELETED = "deleted", "deleted by its owner"
    LEAKED = "leaked", "reported as leaked"
    OWNER_DEACTIVATED = "owner_deactivated", "account deactivated"
    ENDED_BY_OPERATOR = "ended_by_operator", "ended by an operator"
    OWNER_NO_OPERATOR = "owner_no_operator", "its owner is no operator any more"


def text(code: str) -> str:
    """Return the sentence of a code; a code of another release is returned as it is."""
    return str(EndReason(code).label) if code in EndReason else code
