"""Refusals of forward authentication: their classes, their answers, and their messages.

Every answer is 401 or 403. A fault of ours is 403: a 401 would send browsers to log in again and
make clients refresh their tokens, and neither would help.
"""

from collections.abc import Callable
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


class Answer(NamedTuple):
    """The response to a refusal: status, sentence, and headers."""

    status: int
    text: Callable[[Any], str]
    headers: dict[str, str] = {}


CHALLENGE, RETRY = {"WWW-Authenticate": "Bearer"}, {"Retry-After": "1"}
FAULT = Answer(403, lambda _: "Internal server error")
ANSWERS: dict[type[BaseException], Answer] = {
    NoCredentials: Answer(401, lambda _: "Authentication required", CHALLENGE),
    InvalidToken: Answer(401, lambda _: "Invalid or expired token", CHALLENGE),
    MissingScope: Answer(403, lambda error: f"Missing scope: {error.data['scope']}"),
    RoleRequired: Answer(403, lambda error: f"The role {error.data['required']} is required"),
    ScopesRequired: Answer(403, lambda error: f"Missing scope: {error.data['scope']}"),
    UnreadableQuery: Answer(403, lambda error: f"The proxy's query is not valid: {error}"),
    OperationalError: Answer(403, lambda _: "Service temporarily unavailable", RETRY),
    InterfaceError: Answer(403, lambda _: "Service temporarily unavailable", RETRY),
    Exception: FAULT,
}


def answer(error: Exception) -> Answer:
    return next(ANSWERS[cls] for cls in type(error).__mro__ if cls in ANSWERS)


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
