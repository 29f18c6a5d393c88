"""Authentication by API key as libraries for OAuth 2.0 send a client's secret (RFC 6749, 2.3.1).

The key is a bearer token, the password of HTTP Basic, the field ``client_secret`` of the body, or
in ``X-API-Key``. A client id that comes along is the id of the key, ``key_…``.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from accounts.audit.reasons import Reason
from accounts.errors import InvalidToken
from accounts.identities import Identity
from apikeys import key_format
from apikeys.audit_codes import KeyReason
from apikeys.authentication import KeyAuthentication, presented_key
from apikeys.errors import WrongClientId

HEADERS = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY")


class Client(NamedTuple):
    """A client id, or nothing, and a secret as a request has them."""

    id: str
    secret: str


class ClientAuthentication(KeyAuthentication):
    """Authentication by a live key with ``scope``, in one of the ways of an OAuth 2.0 client.

    ``ParseError`` for two ways at once (RFC 6749, 2.3).
    """

    refuses = (*KeyAuthentication.refuses, WrongClientId)

    def authenticate(self, request: Request) -> tuple[Identity, str] | None:
        client = _in_body(request)
        if client and any(request.META.get(header) for header in HEADERS):
            raise _two_ways()
        client = client or _in_headers(request)
        if client is None:
            return None
        _check_id(client)
        return self.identify(client.secret), client.secret


def used_basic(request: Request) -> bool:
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    return header.partition(" ")[0].lower() == "basic"


def _in_headers(request: Request) -> Client | None:
    """Return the key of one header, or of two that have the same; a session's token is no key."""
    if used_basic(request):
        if request.META.get("HTTP_X_API_KEY"):
            raise _two_ways()
        return _in_basic(request.META["HTTP_AUTHORIZATION"])
    try:
        key = presented_key(request)
    except InvalidToken as error:
        if error.reason == Reason.TWO_CREDENTIALS:
            raise _two_ways() from error
        raise
    return Client("", key) if key else None


def _in_basic(header: str) -> Client:
    """Return id and secret, each of which is form-encoded before they are joined."""
    try:
        given = b64decode(header.partition(" ")[2].strip(), validate=True).decode()
    except (Base64Error, ValueError) as error:
        raise _malformed() from error
    name, colon, secret = given.partition(":")
    if not colon:
        raise _malformed()
    return Client(unquote_plus(name), unquote_plus(secret))


def _malformed() -> InvalidToken:
    return InvalidToken(Reason.TOKEN_INVALID, data={"detail": "not credentials of HTTP Basic"})


def _two_ways() -> ParseError:
    return ParseError("A client authenticates in one way at a time")


def _in_body(request: Request) -> Client | None:
    data: Any = request.data
    if not isinstance(data, dict) or data.get("client_secret") in (None, ""):
        return None
    return Client(str(data.get("client_id") or ""), str(data["client_secret"]))


def _check_id(client: Client) -> None:
    """Refuse a client id that is not the id of the key."""
    key_id = key_format.read(client.secret) if client.id else None
    if key_id and client.id != key_format.public_id(key_id):
        raise WrongClientId(KeyReason.WRONG_CLIENT_ID, name=key_format.public_id(key_id))
