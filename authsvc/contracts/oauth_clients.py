"""Base of the endpoints that services call as OAuth 2.0 clients, with an API key of one scope.

They are no contracts that CONTRACTS could switch off, and give out no tokens.
"""

from datetime import timedelta
from typing import Any

from rest_framework import exceptions
from rest_framework.fields import empty

from accounts import errors
from accounts.api import parsers
from accounts.api.contract import Contract, ErrorResponse
from accounts.api.viewsets import ContractViewSet
from accounts.policy import Policy
from apikeys.client_authentication import used_basic
from apikeys.errors import MissingScope, WrongClientId
from apikeys.scopes import Scope
from authsvc.contracts.fields import Serializer, TextField, TokenField
from authsvc.contracts.form import oauth_error

BASIC = 'Basic realm="authsvc", charset="UTF-8"'
REFRESH_TOKEN = "refresh_token"  # noqa: S105 (a hint of RFC 7009, 2.1)
HINTS = ("access_token", REFRESH_TOKEN)


def endpoint(name: str, scope: Scope) -> Contract:
    """Return what stands in the place of a contract at an endpoint for keys of this scope."""
    no_key = ErrorResponse(401, f"An API key of scope {scope} is required", "invalid_client")
    wrong_id = ErrorResponse(401, "client_id must be the id of the API key", "invalid_client")
    no_scope = ErrorResponse(403, f"The API key has no scope {scope}", "insufficient_scope")
    return Contract(
        policy=Policy(name=name, access=timedelta(0), refresh=None),
        mount="",
        error_body=oauth_error,
        phrases={
            errors.InvalidToken: no_key,
            exceptions.NotAuthenticated: no_key,
            WrongClientId: wrong_id,
            MissingScope: no_scope,
        },
    )


class HintField(TextField):
    """A hint at the type of a token; one that is not known is ignored, whatever it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=None, required=False, **options)

    def run_validation(self, data: Any = empty) -> str:
        return data if data in HINTS else ""


class TokenRequest(Serializer):
    """The request of RFC 7662, 2.1, and of RFC 7009, 2.1."""

    token = TokenField()
    token_type_hint = HintField(source="hint")


class ClientViewSet(ContractViewSet):
    """Base of an operation of clients: its requests are forms, or JSON."""

    parser_classes = parsers.JSON_AND_FORMS

    def refusal_headers(self, error: Exception, status: int) -> dict[str, str]:
        """Challenge a client by the scheme that it used, or by both if it used none."""
        headers = super().refusal_headers(error, status)
        if status == 401 and used_basic(self.request):
            headers["WWW-Authenticate"] = BASIC
        elif status == 401 and not self.request.META.get("HTTP_AUTHORIZATION"):
            headers["WWW-Authenticate"] += f", {BASIC}"
        return headers
