"""The view of forward authentication: may this request of the proxy's client pass?

nginx's auth_request, Traefik's ForwardAuth, Caddy's forward_auth and Envoy's ext_authz ask for each
request, so this is a Django view without DRF. It answers 200, 401 or 403 and nothing else, but for
the redirect that ``login`` asks for.
"""

import logging
from urllib.parse import quote

from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

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


def forward_auth(request: HttpRequest) -> HttpResponse:
    """Answer 200 with the user in headers, 401 without a good credential, 403 for lack of rights.

    It fails closed: a question that cannot be understood and a fault of ours are 403.
    """
    request_context.current().contract = NAME
    wanted = conditions.NONE
    try:
        wanted = conditions.read(request.path_info, request.META.get("QUERY_STRING", ""))
        identity = authenticate(request)
        wanted.check(identity)
        response = HttpResponse(headers=identity_headers(identity))
    except Exception as error:
        response = refuse(request, error, wanted)
    response.headers["Cache-Control"] = "no-store"
    return response


def authenticate(request: HttpRequest) -> Identity:
    """Return the user of the access token or API key, by one query."""
    if key := presented_key(request):
        return identify_key(key, Scope.PROFILE)
    if token := bearer_token(request):
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
    }


def refuse(request: HttpRequest, error: Exception, wanted: Conditions) -> HttpResponse:
    answer = refusals.answer(error)
    text = answer.text(error)
    log(error)
    recent_refusals.remember(error, answer.status, text)
    if answer.status == 401 and wanted.login and login_redirect.is_browser(request.META):
        if login_redirect.is_allowed(wanted.login):
            location = login_redirect.location(wanted.login, request.META, wanted.uri)
            return HttpResponse(status=302, headers={"Location": location})
        log_once_a_minute("login", "login must be an address of one of CORS_ALLOWED_ORIGINS")
    headers = answer.headers | {"X-Content-Type-Options": "nosniff"}
    return JsonResponse({"detail": text}, status=answer.status, headers=headers)


def log(error: Exception) -> None:
    """Log what an operator has to mend: the database, the proxy's configuration, or our code."""
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("the database does not answer (%s)", type(error).__name__)
    elif isinstance(error, UnreadableQuery):
        log_once_a_minute("query", str(error))
    elif refusals.answer(error) is refusals.FAULT:
        logger.error("%s in forward authentication", type(error).__name__, exc_info=error)


def log_once_a_minute(kind: str, problem: str) -> None:
    """Log a mistake in the configuration of a proxy, which all its requests repeat."""
    if cache.add(f"forward:{kind}", 1, timeout=60):
        logger.error("The proxy's query of forward authentication is not valid: %s", problem)
