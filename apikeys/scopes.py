"""Scopes of API keys: names, separated by spaces where a key stores them (RFC 6749, 3.3)."""

from django.db.models import TextChoices


class Scope(TextChoices):
    PROFILE = "profile", "Who am I, and is this key good"
    INTROSPECT = "introspect", "Ask about the tokens of others"


RESERVED_SCOPE = Scope.INTROSPECT  # it shows the tokens of others: operators grant it
HAS_RESERVED_SCOPE = rf"(^| ){RESERVED_SCOPE}( |$)"  # a regular expression for stored scopes


def effective_scopes(scope: str, *, granted: bool, by_operator: bool) -> list[str]:
    """Return the scopes that a key has now.

    The reserved one counts if it was granted, or while the owner is an operator.
    """
    return [each for each in scope.split() if each != RESERVED_SCOPE or granted or by_operator]
