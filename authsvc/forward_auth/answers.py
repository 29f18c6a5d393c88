"""Answers to forward requests: may this request of the proxy's client pass, and whose is it?

nginx's auth_request, Traefik's ForwardAuth, Caddy's forward_auth and Envoy's ext_authz ask for each
request. So this is neither a viewset nor a response of Django's, which take longer than the query.
"""

import json
import logging
from typing import Any, NamedTuple
from urllib.parse import quote

from django.core.cache import cache
from django.db import InterfaceError, OperationalError

from accounts import identities, request_context
from accounts.api.authentication import bearer_token
from accounts.audit import recent_refusals
from accounts.identities import Identity
from apikeys.authentication import identify_key, presented_key
from apikeys.scopes import Scope
from authsvc.forward_auth import NAME, conditions, login_redirect, refusals
from authsvc.forward_auth.conditions import Conditions
from authsvc.forward_auth.refusals import NoCredentials, UnreadableQuery

# Characters that stand for themselves in a header; all others are percent-encoded UTF-8.
PLAIN = "!#$&'*+-./:=?@^_`{|}~ "

logger = logging.getLogger(__name__)


class Question(NamedTuple):
    """A forward request: the variables of its WSGI environment, and its path with one slash."""

    META: dict[str, Any]
    path: str


class Answer(NamedTuple):
    """A response: 200, 401 or 403, or 302 to the login page that the proxy names."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


def answer(question: Question) -> Answer:
    """Return 200 with the user in headers, 401 without a good credential, 403 for lack of rights.

    It fails closed: conditions that cannot be read, and a fault of ours, are 403.
    """
    request_context.current().contract = NAME
    wanted = conditions.NONE
    try:
        wanted = conditions.read(question.path, question.META.get("QUERY_STRING", ""))
        identity = authenticate(question)
        wanted.check(identity)
        return Answer(200, identity_headers(identity))
    except Exception as error:
        return refuse(question, error, wanted)


def authenticate(question: Question) -> Identity:
    """Return the user of the access token or API key, by one query."""
    if key := presented_key(question):
        return identify_key(key, Scope.PROFILE)
    if token := bearer_token(question):
        return identities.identify(token)
    raise NoCredentials


def identity_headers(identity: Identity) -> dict[str, str]:
    """Return all headers, empty ones too: each replaces one that a client has made up."""
    return {
        "X-Auth-User": str(identity.uuid),
        "X-Auth-Name": quote(identity.username, safe=PLAIN),
        "X-Auth-Email": quote(identity.email or "", safe=PLAIN),
        "X-Auth-Role": identity.role,
        "X-Auth-Scopes": identity.scope,
        "X-Auth-Session": str(identity.session_id or ""),
        "Cache-Control": "no-store",
    }


def refuse(question: Question, error: Exception, wanted: Conditions) -> Answer:
    status, text, headers = refusals.refusal(error)
    log(error)
    recent_refusals.remember(error, status, text)
    if status == 401 and wanted.login and login_redirect.is_browser(question.META):
        if login_redirect.is_allowed(wanted.login):
            location = login_redirect.location(wanted.login, question.META, wanted.uri)
            return Answer(302, {"Location": location, "Cache-Control": "no-store"})
        log_once_a_minute("login", "login must be an address of one of CORS_ALLOWED_ORIGINS")
    return refused(status, text, headers)


def refused(status: int, text: str, headers: dict[str, str]) -> Answer:
    """Return a refusal, whose body a proxy passes on to its client."""
    common = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(status, common | headers, json.dumps({"detail": text}).encode())


def log(error: Exception) -> None:
    """Log what an operator has to mend: the database, the proxy's configuration, or our code."""
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("the database does not answer (%s)", type(error).__name__)
    elif isinstance(error, UnreadableQuery):
        log_once_a_minute("query", str(error))
    elif refusals.is_fault(error):
        logger.error("%s in forward authentication", type(error).__name__, exc_info=error)


def log_once_a_minute(kind: str, problem: str) -> None:
    """Log a mistake in the configuration of a proxy, which all its requests repeat."""
    if cache.add(f"forward:{kind}", 1, timeout=60):
        logger.error("The proxy's query of forward authentication is not valid: %s", problem)
