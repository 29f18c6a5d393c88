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

from accounts.api.authentication import bearer_token
from accounts.audit.reasons import Reason
from accounts.errors import InvalidToken
from accounts.identities import Identity
from apikeys import key_format
from apikeys.audit_codes import KeyReason
from apikeys.authentication import KeyAuthentication
from apikeys.errors import InvalidKey, WrongClientId


class Client(NamedTuple):
    """A client id, or nothing, and a secret as a request has them."""

    id: str
    secret: str


class ClientAuthentication(KeyAuthentication):
    """Authentication by a live key with ``scope``, in one of the ways of an OAuth 2.0 client.

    ``ParseError`` for two ways at once (RFC 6749, 2.3).
    """

    def authenticate(self, request: Request) -> tuple[Identity, str] | None:
        found = {
            way: client
            for way, client in (
                ("basic", _in_basic(request)),
                ("bearer", _in_bearer(request)),
                ("header", _in_header(request)),
                ("body", _in_body(request)),
            )
            if client
        }
        if found.get("header") == found.get("bearer"):
            found.pop("header", None)
        if len(found) > 1:
            raise ParseError("A client authenticates in one way at a time")
        if not found or ("bearer" in found and not _is_key(found["bearer"])):
            return None  # the access token of a session is no client
        (client,) = found.values()
        return self.identify(_checked(client)), client.secret


def used_basic(request: Request) -> bool:
    return _scheme_and_value(request)[0] == "basic"


def _scheme_and_value(request: Request) -> tuple[str, str]:
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return scheme.lower(), value.strip()


def _in_basic(request: Request) -> Client | None:
    """Return id and secret, each of which is form-encoded before they are joined."""
    scheme, value = _scheme_and_value(request)
    if scheme != "basic":
        return None
    try:
        name, colon, secret = b64decode(value, validate=True).decode().partition(":")
    except (Base64Error, ValueError) as error:
        raise _malformed() from error
    if not colon:
        raise _malformed()
    return Client(unquote_plus(name), unquote_plus(secret))


def _malformed() -> InvalidToken:
    return InvalidToken(Reason.TOKEN_INVALID, data={"detail": "not credentials of HTTP Basic"})


def _in_bearer(request: Request) -> Client | None:
    token = bearer_token(request)
    return Client("", token) if token else None


def _in_header(request: Request) -> Client | None:
    key = request.META.get("HTTP_X_API_KEY")
    return Client("", key) if key else None


def _in_body(request: Request) -> Client | None:
    data: Any = request.data
    if not isinstance(data, dict) or data.get("client_secret") in (None, ""):
        return None
    return Client(str(data.get("client_id") or ""), str(data["client_secret"]))


def _is_key(client: Client) -> bool:
    return client.secret.startswith(key_format.PREFIX)


def _checked(client: Client) -> str:
    """Return the secret of a client whose id, if it has one, is that of the key."""
    key_id = key_format.read(client.secret)
    if key_id is None:
        raise InvalidKey(KeyReason.KEY_MISTYPED)
    if client.id and client.id != key_format.public_id(key_id):
        raise WrongClientId(KeyReason.WRONG_CLIENT_ID, name=key_format.public_id(key_id))
    return client.secret
