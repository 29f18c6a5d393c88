"""The verbs that contracts share: who may use them, how often, and what of the core they call."""

import json
import logging
from functools import cache
from typing import Any, NoReturn, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from accounts import passwords, rate_limits, request_context, sessions
from accounts.api.authentication import ExpiredTokenAuthentication, SessionTokenAuthentication
from accounts.api.contract import Contract
from accounts.api.parsers import JSON, JSONParser, check_length
from accounts.audit import recent_refusals
from accounts.errors import HashingOverloaded, PasswordChangeRequired, TooManyAttempts
from accounts.sessions import Grant, Identity

logger = logging.getLogger(__name__)

ShapeClass = type[Serializer[Any]]


class ByContentType(BaseContentNegotiation):
    """The parser for what the request says it is. Every answer is JSON, whatever ``Accept`` says: the documents know no other."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        kind = request.content_type.partition(";")[0].strip().lower()
        if not request.content_type.strip():  # a body without a label is JSON
            return made((JSONParser,))[0]
        return next((parser for parser in parsers if parser.media_type == kind), None)


encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@cache
def made(classes: tuple[type[Any], ...]) -> list[Any]:
    """One instance of each, for all requests: parsers, authentications and permissions keep no state between them."""
    return [kind() for kind in classes]


def answer(
    data: Any, status: int = status.HTTP_200_OK, headers: dict[str, str] | None = None
) -> HttpResponse:
    """JSON, or nothing at all for None."""
    body = b"" if data is None else encode(data).encode()
    return HttpResponse(body, status=status, headers=headers, content_type="application/json")


@cache
def shared(shape: ShapeClass) -> Serializer[Any]:
    """One instance of a serializer for all requests: it keeps no state between them, and building its fields costs more than using them."""
    return shape()


class ContractViewSet(ViewSet):
    """Reads one shape, calls the core, writes another; refuses in the words of its contract."""

    contract: Contract = cast("Contract", None)  # given with each route
    parser_classes: tuple[type[BaseParser], ...] = JSON
    content_negotiation_class = ByContentType
    authentication_classes: tuple[type[BaseAuthentication], ...] = (SessionTokenAuthentication,)
    permission_classes: tuple[type[BasePermission], ...] = (IsAuthenticated,)
    metadata_class = None

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {}

    def get_parsers(self) -> list[Any]:
        return made(self.parser_classes)

    def get_authenticators(self) -> list[Any]:
        return made(self.authentication_classes)

    def get_permissions(self) -> list[Any]:
        return made(self.permission_classes)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request_context.current().contract = self.contract.name
        check_length(request.META.get("CONTENT_LENGTH"))
        if self.action is None:  # before anybody is asked who they are
            raise exceptions.MethodNotAllowed(request.method or "")
        self.perform_authentication(request)
        self.check_permissions(request)

    @property
    def caller(self) -> Identity:
        """Who is asking, where the viewset's authentication lets nobody else in."""
        return cast("Identity", self.request.user)

    def read(self, shape: ShapeClass) -> dict[str, Any]:
        """Return what the body says; a JSON null says as little as an empty body."""
        return self.check(shape, {} if self.request.data is None else self.request.data)

    def check(self, shape: ShapeClass, data: Any) -> dict[str, Any]:
        asked: dict[str, Any] = shared(shape).run_validation(data)
        return asked

    def write(
        self, shape: ShapeClass, value: Any = None, status: int = status.HTTP_200_OK
    ) -> HttpResponse:
        return answer(self.shape(shape, value if value is not None else {}), status)

    def shape(self, shape: ShapeClass, value: Any) -> Any:
        return shared(shape).to_representation(value)

    def succeed(self, shape: ShapeClass) -> HttpResponse:
        """An answer that says no more than that it worked."""
        return self.write(shape)

    def hand_over(self, other: "ContractViewSet") -> HttpResponse:
        """Let another contract's viewset answer what was read here, with the verb of the same name and in its own words."""
        self.contract = other.contract
        request_context.current().contract = other.contract.name
        other.request = self.request
        response: HttpResponse = getattr(other, self.action)(self.request)
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return answer(None, status.HTTP_204_NO_CONTENT, {"Allow": self._allowed()})

    def handle_exception(self, exc: Exception) -> Any:
        error = self.contract.error_response(exc)
        if isinstance(exc, OperationalError | InterfaceError):
            logger.warning("the database does not answer (%s)", type(exc).__name__)
        elif error.status == 500:
            logger.error(
                "%s in %s.%s", type(exc).__name__, type(self).__name__, self.action, exc_info=exc
            )
        recent_refusals.remember(exc, error.status, error.text)
        return answer(
            self.contract.error_body(error),
            error.status,
            self._refusal_headers(exc, error.status),
        )

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _refusal_headers(self, error: Exception, status: int) -> dict[str, str]:
        if status == 401:
            return {"WWW-Authenticate": "Bearer"}
        if isinstance(error, TooManyAttempts):
            return {"Retry-After": str(error.seconds)}
        if isinstance(error, OperationalError | InterfaceError | HashingOverloaded):
            return {"Retry-After": "1"}
        if isinstance(error, exceptions.MethodNotAllowed):
            return {"Allow": self._allowed()}
        return {}

    def _allowed(self) -> str:
        return ", ".join(self.allowed_methods)


class OpenViewSet(ContractViewSet):
    """For those who bring no token, or one in the body."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class LoginViewSet(OpenViewSet):
    login_in: ShapeClass
    login_out: ShapeClass

    def login(self, request: Request) -> HttpResponse:
        asked = self.read(self.login_in)
        with rate_limits.login_attempt(asked["login"]) as attempt:
            try:
                grant = sessions.open_session(
                    self.contract.policy, asked["login"], asked["password"], attempt
                )
            except PasswordChangeRequired as refusal:
                return self.challenged(refusal)
        return self.granted(grant)

    def challenged(self, refusal: PasswordChangeRequired) -> HttpResponse:
        """No tokens until a new password was chosen: on the page that a mail leads to, where mail is sent."""
        if settings.EMAILS_ENABLED:
            passwords.ask_for_reset(refusal.user.username)
        raise refusal

    def granted(self, grant: Grant) -> HttpResponse:
        return self.write(self.login_out, grant)


class RefreshViewSet(OpenViewSet):
    refresh_in: ShapeClass
    refresh_out: ShapeClass

    def refresh(self, request: Request) -> HttpResponse:
        asked = self.read(self.refresh_in)
        return self.write(
            self.refresh_out, sessions.refresh(self.contract.policy, asked["refresh"])
        )


class ResetViewSet(OpenViewSet):
    """The ways back in for who has forgotten a password."""

    forgot_in: ShapeClass
    forgot_out: ShapeClass
    reset_in: ShapeClass
    reset_out: ShapeClass

    def forgot(self, request: Request) -> HttpResponse:
        return self.mail_reset(self.read(self.forgot_in)["login"], self.forgot_out)

    def reset(self, request: Request) -> HttpResponse:
        asked = self.read(self.reset_in)
        passwords.reset_by_token(asked["secret"], asked["password"])
        return self.succeed(self.reset_out)

    def mail_reset(self, identifier: str, shape: ShapeClass) -> HttpResponse:
        rate_limits.asking_for_mail()
        passwords.ask_for_reset(identifier)
        return self.succeed(shape)


class LogoutViewSet(ContractViewSet):
    authentication_classes = (ExpiredTokenAuthentication,)
    logout_out: ShapeClass

    def logout(self, request: Request) -> HttpResponse:
        sessions.log_out(self.caller)
        return self.write(self.logout_out)


class IdentityViewSet(ContractViewSet):
    """Who is asking, and whether their token is still good."""

    identity_out: ShapeClass

    def identity(self, request: Request) -> HttpResponse:
        return self.write(self.identity_out, self.caller)


class NotFoundViewSet(OpenViewSet):
    """Whatever no document names, below a contract's mount."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise Http404

    nothing = ContractViewSet.options
