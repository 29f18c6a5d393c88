"""Refusals of forward authentication: their classes, their answers, and their messages.

Every answer is 401 or 403. A fault of ours is 403: a 401 would send browsers to log in again and
make clients refresh their tokens, and neither would help.
"""

from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError
from django.db.models import TextChoices

from accounts import request_context
from accounts.audit import reason_messages, reasons, refusal_messages
from accounts.audit.refusal_messages import RefusalMessage, reason_of
from accounts.errors import AuthError, InvalidToken
from apikeys.errors import MissingScope
from authsvc.forward_auth import NAME


class ForwardReason(TextChoices):
    """Reason codes of forward authentication, with their data and a short label."""

    ROLE_REQUIRED = "role_required", "role too low"  # {"role", "required"}
    SCOPES_REQUIRED = "scopes_required", "scopes missing"  # {"scope"}


class NoCredentials(Exception):
    """The request has neither an access token nor an API key."""


class RoleRequired(AuthError):
    """The user's role is lower than the one that the proxy asks for."""


class ScopesRequired(AuthError):
    """The session or key lacks scopes that the proxy asks for."""


class UnreadableQuery(Exception):
    """The proxy's configuration is wrong: nobody could meet what it asks for."""


class Refusal(NamedTuple):
    """The answer to a refused request: status, sentence, and a header."""

    status: int
    text: str
    headers: dict[str, str] = {}


CHALLENGE, RETRY = {"WWW-Authenticate": "Bearer"}, {"Retry-After": "1"}
UNAVAILABLE = Refusal(403, "Service temporarily unavailable", RETRY)
FAULT = Refusal(403, "Internal server error")
# Texts with the data of the refusal in braces, as reason_messages has them.
REFUSALS: dict[type[BaseException], Refusal] = {
    NoCredentials: Refusal(401, "Authentication required", CHALLENGE),
    InvalidToken: Refusal(401, "Invalid or expired token", CHALLENGE),
    MissingScope: Refusal(403, "Missing scope: {scope}"),
    RoleRequired: Refusal(403, "The role {required} is required"),
    ScopesRequired: Refusal(403, "Missing scope: {scope}"),
    UnreadableQuery: Refusal(403, "The proxy's query is not valid: {error}"),
    OperationalError: UNAVAILABLE,
    InterfaceError: UNAVAILABLE,
    Exception: FAULT,
}


def refusal(error: Exception) -> Refusal:
    found = _find(error)
    data = {"error": error, **getattr(error, "data", {})}
    return found._replace(text=found.text.format_map(data))


def is_fault(error: Exception) -> bool:
    """Return whether the error is none that is known, and so one of the code."""
    return _find(error) is FAULT


def _find(error: Exception) -> Refusal:
    return next(REFUSALS[cls] for cls in type(error).__mro__ if cls in REFUSALS)


def _role_required(refusal: Any) -> str:
    return f"The proxy asks for a higher role: {reason_of(refusal)}."


def _scopes_required(refusal: Any) -> str:
    return f"The proxy asks for other scopes: {reason_of(refusal)}."


def register() -> None:
    """Make the codes and messages known to the audit log. Called once, when Django starts."""
    request_context.other_entrances.append(NAME)
    reasons.register(ForwardReason)
    reason_messages.register(
        {
            ForwardReason.ROLE_REQUIRED: "the role {role} is lower than {required}",
            ForwardReason.SCOPES_REQUIRED: "the session or key has no scope {scope}",
        }
    )
    refusal_messages.register(
        {
            "NoCredentials": RefusalMessage(
                refusal_messages.always("The request had no access token and no API key."),
                "The proxy has to pass on the Authorization and X-API-Key of its client.",
            ),
            "RoleRequired": RefusalMessage(_role_required, "A super admin can change the role."),
            "ScopesRequired": RefusalMessage(_scopes_required),
        }
    )
