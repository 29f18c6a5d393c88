"""Scopes of API keys: names, separated by spaces where a key stores them (RFC 6749, 3.3)."""

from collections.abc import Collection

from django.db.models import TextChoices


class Scope(TextChoices):
    PROFILE = "profile", "Who am I, and is this key good"
    INTROSPECT = "introspect", "Ask about the tokens of others"
    REVOKE = "revoke", "End the sessions of others by their tokens"


# Scopes that are about the tokens of others, which operators grant, and the columns that say when.
GRANTED_AT = {Scope.INTROSPECT: "granted_at", Scope.REVOKE: "revoke_granted_at"}
RESERVED_SCOPES = tuple(GRANTED_AT)


def with_scope(scope: Scope) -> str:
    """Return a regular expression for stored scopes, of which this is one."""
    return rf"(^| ){scope}( |$)"


def effective_scopes(scope: str, *, granted: Collection[str], by_operator: bool) -> list[str]:
    """Return the scopes that a key has now.

    A reserved one counts if it was granted, or while the owner is an operator.
    """
    return [
        each
        for each in scope.split()
        if each not in RESERVED_SCOPES or each in granted or by_operator
    ]
