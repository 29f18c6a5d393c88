"""Viewsets of the operations that contracts share: permission and limit, then a call to the core.

Each request is read by one serializer and answered by another; a contract's own viewset names both.
"""

import json
import logging
from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from accounts import errors, password_reset, rate_limits, refresh, request_context, sessions
from accounts.api.authentication import ExpiredTokenAuthentication, SessionTokenAuthentication
from accounts.api.contract import Contract
from accounts.api.negotiation import ContentTypeNegotiation, instances_of
from accounts.api.operations import uses
from accounts.api.parsers import JSON, check_length
from accounts.audit import recent_refusals
from accounts.identities import Identity
from accounts.issued_tokens import IssuedTokens

logger = logging.getLogger(__name__)

SerializerClass = type[Serializer[Any]]
# Refusals of whatever checks a password or a code.
WRONG_PASSWORD = (
    errors.InvalidCredentials,
    errors.UnknownAccount,
    errors.TooManyAttempts,
    errors.HashingOverloaded,
)


encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_response(
    data: Any, status: int = status.HTTP_200_OK, headers: dict[str, str] | None = None
) -> HttpResponse:
    """Return ``data`` as JSON; None makes an empty body."""
    body = b"" if data is None else encode(data).encode()
    return HttpResponse(body, status=status, headers=headers, content_type="application/json")


@cache
def instance_of(serializer: SerializerClass) -> Serializer[Any]:
    """Return one instance of a serializer, shared by all requests.

    It keeps no state between them, and building its fields costs more than using them.
    """
    return serializer()


class ContractViewSet(ViewSet):
    """Base of every operation: reads a request, writes a response or its contract's error."""

    contract: Contract = cast("Contract", None)  # given with each route
    parser_classes: tuple[type[BaseParser], ...] = JSON
    content_negotiation_class = ContentTypeNegotiation
    authentication_classes: tuple[type[BaseAuthentication], ...] = (SessionTokenAuthentication,)
    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated,)
    metadata_class = None
    documented = True  # in the OpenAPI document of its contract
    path_names: Mapping[str, str] = {}  # of parameters that its document calls something else
    empty_success = False  # whether ``succeed`` answers without a body

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def get_parsers(self) -> list[Any]:
        return instances_of(self.parser_classes)

    def get_authenticators(self) -> list[Any]:
        return instances_of(self.authentication_classes)

    def get_permissions(self) -> list[Any]:
        return instances_of(self.permission_classes)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request_context.current().contract = self.contract.name
        check_length(request.META.get("CONTENT_LENGTH"))
        if self.action is None:  # before authentication
            raise exceptions.MethodNotAllowed(request.method or "")
        self.perform_authentication(request)
        self.check_permissions(request)

    @property
    def caller(self) -> Identity:
        """The user who is calling, where the viewset's authentication lets nobody else in."""
        return cast("Identity", self.request.user)

    def read(self, serializer: SerializerClass) -> dict[str, Any]:
        """Return the validated body; a JSON null counts as an empty one."""
        return self.check(serializer, {} if self.request.data is None else self.request.data)

    def check(self, serializer: SerializerClass, data: Any) -> dict[str, Any]:
        """Return ``data`` validated, keyed by the serializer's ``source`` names."""
        validated: dict[str, Any] = instance_of(serializer).run_validation(data)
        return validated

    def write(
        self, serializer: SerializerClass, value: Any = None, status: int = status.HTTP_200_OK
    ) -> HttpResponse:
        return json_response(self.represent(serializer, {} if value is None else value), status)

    def represent(self, serializer: SerializerClass, value: Any) -> Any:
        return instance_of(serializer).to_representation(value)

    def succeed(self, serializer: SerializerClass) -> HttpResponse:
        """Answer an operation that has no result but its success."""
        return json_response(None, 204) if self.empty_success else self.write(serializer)

    def hand_over(self, other: "ContractViewSet") -> HttpResponse:
        """Let another contract's viewset answer this request, with its method of the same name."""
        self.contract = other.contract
        request_context.current().contract = other.contract.name
        other.request = self.request
        response: HttpResponse = getattr(other, self.action)(self.request)
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return json_response(None, status.HTTP_204_NO_CONTENT, {"Allow": self._allowed()})

    def handle_exception(self, exc: Exception) -> Any:
        error = self.contract.error_response(exc)
        if isinstance(exc, OperationalError | InterfaceError):
            logger.warning("the database does not answer (%s)", type(exc).__name__)
        elif error.status == 500:
            logger.error(
                "%s in %s.%s", type(exc).__name__, type(self).__name__, self.action, exc_info=exc
            )
        recent_refusals.remember(exc, error.status, error.text)
        return json_response(
            self.contract.error_body(error),
            error.status,
            self.refusal_headers(exc, error.status),
        )

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    def refusal_headers(self, error: Exception, status: int) -> dict[str, str]:
        """Return the headers of the response to a refusal."""
        if status == 401:
            return {"WWW-Authenticate": "Bearer"}
        if isinstance(error, errors.TooManyAttempts):
            return {"Retry-After": str(error.seconds)}
        if isinstance(error, OperationalError | InterfaceError | errors.HashingOverloaded):
            return {"Retry-After": "1"}
        if isinstance(error, exceptions.MethodNotAllowed):
            return {"Allow": self._allowed()}
        return {}

    def _allowed(self) -> str:
        return ", ".join(self.allowed_methods)


class OpenViewSet(ContractViewSet):
    """Base of operations without a token in the header: it is in the body, or there is none."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class LoginViewSet(OpenViewSet):
    login_request: SerializerClass
    login_response: SerializerClass

    @uses(
        "challenged",
        "logged_in",
        refuses=WRONG_PASSWORD,
        summary="Log in with a user name or an e-mail address, and a password",
        login_request={"identifier", "password"},
    )
    def login(self, request: Request) -> HttpResponse:
        validated = self.read(self.login_request)
        try:
            issued = sessions.open_session(
                self.contract.policy, validated["identifier"], validated["password"]
            )
        except errors.PasswordChangeRequired as refusal:
            return self.challenged(refusal)
        return self.logged_in(issued)

    @uses(refuses=(errors.PasswordChangeRequired,))
    def challenged(self, refusal: errors.PasswordChangeRequired) -> HttpResponse:
        """Refuse tokens until the user has chosen a new password, and mail the reset link.

        No mail goes out where mails are switched off.
        """
        if settings.EMAILS_ENABLED:
            password_reset.ask(refusal.user.username)
        raise refusal

    @uses(login_response=IssuedTokens)
    def logged_in(self, issued: IssuedTokens) -> HttpResponse:
        return self.write(self.login_response, issued)


class RefreshViewSet(OpenViewSet):
    refresh_request: SerializerClass
    refresh_response: SerializerClass

    @uses(
        refuses=(errors.InvalidRefreshToken,),
        summary="Get a new access token for a refresh token",
        refresh_request={"refresh"},
        refresh_response=IssuedTokens,
    )
    def refresh(self, request: Request) -> HttpResponse:
        validated = self.read(self.refresh_request)
        return self.write(
            self.refresh_response,
            refresh.refresh_session(self.contract.policy, validated["refresh"]),
        )


class ResetViewSet(OpenViewSet):
    """Password reset: asking for the mail, and setting a new password with its token."""

    forgot_request: SerializerClass
    forgot_response: SerializerClass
    reset_request: SerializerClass
    reset_response: SerializerClass

    @uses(
        "mail_reset",
        "succeed",
        summary="Mail a link and a code to reset a password, if there is such an account",
        forgot_request={"identifier"},
        forgot_response=None,
    )
    def forgot(self, request: Request) -> HttpResponse:
        return self.mail_reset(self.read(self.forgot_request)["identifier"], self.forgot_response)

    @uses(
        "succeed",
        refuses=(errors.InvalidReset, errors.WeakPassword, errors.HashingOverloaded),
        summary="Set a new password with the token of a mailed link",
        reset_request={"secret", "password"},
        reset_response=None,
    )
    def reset(self, request: Request) -> HttpResponse:
        validated = self.read(self.reset_request)
        password_reset.use_token(validated["secret"], validated["password"])
        return self.succeed(self.reset_response)

    @uses(refuses=(errors.EmailDisabled, errors.TooManyAttempts))
    def mail_reset(self, identifier: str, serializer: SerializerClass) -> HttpResponse:
        rate_limits.count_reset_request()
        password_reset.ask(identifier)
        return self.succeed(serializer)


class LogoutViewSet(ContractViewSet):
    authentication_classes = (ExpiredTokenAuthentication,)
    logout_response: SerializerClass

    @uses(summary="End the session of an access token", logout_response=None)
    def logout(self, request: Request) -> HttpResponse:
        sessions.log_out(self.caller)
        return self.write(self.logout_response)


class IdentityViewSet(ContractViewSet):
    """Describes the user of a good token."""

    identity_response: SerializerClass

    @uses(summary="Return the user of a token", identity_response=Identity)
    def identity(self, request: Request) -> HttpResponse:
        return self.write(self.identity_response, self.caller)


class NotFoundViewSet(OpenViewSet):
    """Answers 404 for paths below a contract's mount that its document does not name."""

    documented = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise Http404

    nothing = ContractViewSet.options
