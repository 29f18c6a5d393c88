"""What a contract is: how long its tokens live, and the words in which it refuses. The five that exist are in authsvc/contracts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions

from accounts import errors


class Phrase(NamedTuple):
    """How a refusal is put: ``code`` only where the error body has a place for one."""

    status: int
    text: str
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The part of a contract that the core knows. ``refresh`` is None where no refresh token is given out.

    ``longest`` lets each rotation prolong a session, up to that long after login; without it a session ends with its first
    refresh token.
    """

    name: str
    access: timedelta
    refresh: timedelta | None
    rotates: bool = False
    longest: timedelta | None = None
    also_refreshes: frozenset[str] = frozenset()

    @property
    def family(self) -> frozenset[str]:
        """The contracts whose refresh tokens are good here."""
        return self.also_refreshes | {self.name}

    def session_end(self, *, opened: datetime, used: datetime) -> datetime:
        """The end of a session whose tokens were made when it was last used."""
        end = used + (self.refresh or self.access)
        return min(end, opened + self.longest) if self.longest else end


NOT_FOUND = Phrase(404, "Not found")
AUTHENTICATION_REQUIRED = Phrase(401, "Authentication required")

PHRASES: dict[type[BaseException], Phrase] = {
    errors.InvalidCredentials: Phrase(401, "Invalid credentials"),
    errors.InvalidToken: Phrase(401, "Invalid or expired token"),
    errors.InvalidRefreshToken: Phrase(401, "Invalid or expired refresh token"),
    errors.InvalidReset: Phrase(400, "Invalid or expired reset token"),
    errors.EmailDisabled: Phrase(503, "Email sending is not enabled"),
    errors.PasswordChangeRequired: Phrase(403, "Password change required"),
    errors.TooManyAttempts: Phrase(429, "Too many login attempts. Please try again later."),
    errors.HashingOverloaded: Phrase(503, "Service temporarily unavailable"),
    exceptions.NotAuthenticated: AUTHENTICATION_REQUIRED,
    exceptions.MethodNotAllowed: Phrase(405, "Method not allowed"),
    exceptions.UnsupportedMediaType: Phrase(415, "Unsupported content type"),
    Http404: NOT_FOUND,
    PermissionDenied: Phrase(403, "Forbidden"),
    RequestDataTooBig: Phrase(413, "Request body too large"),
    SuspiciousOperation: Phrase(400, "Bad request"),
    OperationalError: Phrase(503, "Service temporarily unavailable"),
    InterfaceError: Phrase(503, "Service temporarily unavailable"),
    Exception: Phrase(500, "Internal server error"),
}


@dataclass(frozen=True, kw_only=True)
class Contract(Policy):
    """A policy and its words: ``error_body`` is the shape of every refusal, ``phrases`` are those that the document words itself."""

    error_body: Callable[[Phrase], dict[str, Any]]
    phrases: Mapping[type[BaseException], Phrase] = field(default_factory=dict)
    invalid: int = 400  # the status of a request whose fields are missing or of the wrong type

    def phrase(self, error: Exception) -> Phrase:
        """The words for ``error``: this contract's own, else those that all share, for its nearest kind."""
        for kind in type(error).__mro__:
            if kind in self.phrases:
                return self.phrases[kind]
            if kind is exceptions.ValidationError:
                return Phrase(self.invalid, _first_problem(error.detail))  # type: ignore[attr-defined]
            if kind is errors.WeakPassword:
                return Phrase(self.invalid, error.text)  # type: ignore[attr-defined]
            if kind is exceptions.ParseError:
                return Phrase(self.invalid, str(error))
            if kind in PHRASES:
                return PHRASES[kind]
        raise error

    def speaking(self, error_body: Callable[[Phrase], dict[str, Any]]) -> Self:
        """The same contract with another error body."""
        return replace(self, error_body=error_body)

    def saying(self, phrases: Mapping[type[BaseException], Phrase]) -> Self:
        """The same contract with other words for some refusals."""
        return replace(self, phrases={**self.phrases, **phrases})

    def configured(self) -> Self:
        """With the lifetimes and the rotation that the environment sets for it."""
        return replace(self, **settings.CONTRACT_POLICIES.get(self.name, {}))


def _first_problem(detail: Any) -> str:
    """A sentence for the first of a serializer's complaints, naming the field."""
    if isinstance(detail, dict):
        name, problems = next(iter(detail.items()))
        text = _first_problem(problems)
        return text if name == "non_field_errors" else f"{name}: {text}"
    if isinstance(detail, list):
        return _first_problem(detail[0])
    return str(detail)
