"""Contract: the policy of an API and the wording of its error responses.

The contracts that exist are the modules of authsvc/contracts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions

from accounts import errors
from accounts.policy import Policy


class ErrorResponse(NamedTuple):
    """Status and sentence of a refusal; ``code`` only where the error body has a place for one."""

    status: int
    text: str
    code: str = ""


NOT_FOUND = ErrorResponse(404, "Not found")
AUTHENTICATION_REQUIRED = ErrorResponse(401, "Authentication required")

COMMON_PHRASES: dict[type[BaseException], ErrorResponse] = {
    errors.InvalidCredentials: ErrorResponse(401, "Invalid credentials"),
    errors.InvalidToken: ErrorResponse(401, "Invalid or expired token"),
    errors.InvalidRefreshToken: ErrorResponse(401, "Invalid or expired refresh token"),
    errors.InvalidReset: ErrorResponse(400, "Invalid or expired reset token"),
    errors.EmailDisabled: ErrorResponse(503, "Email sending is not enabled"),
    errors.PasswordChangeRequired: ErrorResponse(403, "Password change required"),
    errors.TooManyAttempts: ErrorResponse(429, "Too many login attempts. Please try again later."),
    errors.HashingOverloaded: ErrorResponse(503, "Service temporarily unavailable"),
    exceptions.NotAuthenticated: AUTHENTICATION_REQUIRED,
    exceptions.MethodNotAllowed: ErrorResponse(405, "Method not allowed"),
    exceptions.UnsupportedMediaType: ErrorResponse(415, "Unsupported content type"),
    Http404: NOT_FOUND,
    PermissionDenied: ErrorResponse(403, "Forbidden"),
    RequestDataTooBig: ErrorResponse(413, "Request body too large"),
    SuspiciousOperation: ErrorResponse(400, "Bad request"),
    OperationalError: ErrorResponse(503, "Service temporarily unavailable"),
    InterfaceError: ErrorResponse(503, "Service temporarily unavailable"),
    Exception: ErrorResponse(500, "Internal server error"),
}

# Errors that say themselves what is wrong with a request.
OWN_WORDS = (exceptions.ValidationError, exceptions.ParseError, errors.WeakPassword)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A policy, the place where it is served, and its wording.

    ``mount`` is the path below which its documented paths are, without slashes at its ends.
    ``error_body`` makes the JSON object of every error response; ``phrases`` are the responses that
    the contract's own document words; ``invalid`` is the status of a request whose fields are
    missing or of the wrong type. ``may_rotate`` says that the documented response to a refresh has
    a refresh token: the clients of any other contract keep the one that they have.
    ``token_endpoint`` is the path below the mount where it gives out tokens by the password grant
    of OAuth 2.0, if it does: the server's metadata and the OpenAPI documents name it.
    """

    policy: Policy
    mount: str
    error_body: Callable[[ErrorResponse], dict[str, Any]]
    phrases: Mapping[type[BaseException], ErrorResponse] = field(default_factory=dict)
    invalid: int = 400
    may_rotate: bool = False
    token_endpoint: str = ""

    @property
    def name(self) -> str:
        return self.policy.name

    def error_response(self, error: Exception) -> ErrorResponse:
        """Return the response to ``error``: the contract's, or the common one, for its class."""
        return self.response_to(type(error), lambda: _text(error))

    def response_to(self, refusal: type[Exception], text: Callable[[], str]) -> ErrorResponse:
        """Return the response to errors of a class; ``text`` words those that differ each time."""
        for cls in refusal.__mro__:
            if cls in self.phrases:
                return self.phrases[cls]
            if cls in OWN_WORDS:
                return ErrorResponse(self.invalid, text())
            if cls in COMMON_PHRASES:
                return COMMON_PHRASES[cls]
        return COMMON_PHRASES[Exception]

    def with_error_body(self, error_body: Callable[[ErrorResponse], dict[str, Any]]) -> Self:
        """Return the same contract with another error body."""
        return replace(self, error_body=error_body)

    def with_phrases(self, phrases: Mapping[type[BaseException], ErrorResponse]) -> Self:
        """Return the same contract with other error responses for some refusals."""
        return replace(self, phrases={**self.phrases, **phrases})


def _text(error: Any) -> str:
    """Return the words of an error that has its own."""
    if isinstance(error, errors.WeakPassword):
        return error.text
    return _first_problem(error.detail)


def _first_problem(detail: Any) -> str:
    """Return a sentence for the first error of a serializer, naming the field."""
    if isinstance(detail, dict):
        name, problems = next(iter(detail.items()))
        text = _first_problem(problems)
        return text if name == "non_field_errors" else f"{name}: {text}"
    if isinstance(detail, list):
        return _first_problem(detail[0])
    return str(detail)
