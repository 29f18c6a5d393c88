"""Token status lists over HTTP (draft-ietf-oauth-status-list-21, 8)."""

import re

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import URLPattern, re_path
from django.utils.cache import get_conditional_response

from accounts.status_lists.served_lists import ListUnavailable, UnknownList, lists

MEDIA_TYPE = "application/statuslist+jwt"
METHODS = ("GET", "HEAD")
REFUSED = re.compile(r"q=0(\.0*)?")  # the weight of a coding that a client does not accept


def status_list(request: HttpRequest, number: str) -> HttpResponseBase:
    """Return a status list, signed, from memory; for scripts of any origin, as 8.1 says."""
    response = _response(request, int(number))
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _response(request: HttpRequest, number: int) -> HttpResponseBase:
    if request.method not in METHODS:
        return _refusal(405, "Method not allowed", Allow=", ".join(METHODS))
    if request.META.get("QUERY_STRING") and "time" in request.GET:
        return _refusal(501, "Status lists of the past are not kept")  # 8.4
    try:
        return _list(request, number)
    except UnknownList:
        return _refusal(404, "No such status list")
    except ListUnavailable:
        return _refusal(503, "Service temporarily unavailable", **{"Retry-After": "5"})


def _list(request: HttpRequest, number: int) -> HttpResponseBase:
    """Return the list, or 304 to a client that has it (RFC 9110, 13.1.2)."""
    signed = lists.get(number)
    # Weak: two nodes sign the same list at their own times, with their own signatures.
    headers = {
        "Cache-Control": f"public, max-age={lists.fresh_seconds(signed)}",
        "ETag": f'W/"{signed.etag}"',
        "Vary": "Accept-Encoding",
    }
    body = signed.token
    if _accepts_gzip(request.META.get("HTTP_ACCEPT_ENCODING", "")):
        body, headers["Content-Encoding"] = signed.gzipped, "gzip"
    whole = HttpResponse(body, content_type=MEDIA_TYPE, headers=headers)
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return whole
    return get_conditional_response(request, etag=headers["ETag"], response=whole) or whole


def _accepts_gzip(header: str) -> bool:
    """Return whether a client accepts gzip, by name or as any coding (RFC 9110, 12.5.3)."""
    codings = (each.partition(";") for each in header.lower().split(","))
    weights = {name.strip(): weight.strip() for name, _, weight in codings}
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return REFUSED.fullmatch(weight) is None


def _refusal(status: int, text: str, **headers: str) -> HttpResponse:
    # A cache in between must not keep a 404 until the list is there (RFC 9111, 4.2.2).
    headers = {"Cache-Control": "no-store", **headers}
    return JsonResponse({"detail": text}, status=status, headers=headers)


def urls() -> list[URLPattern]:
    """Return the path of every list. A number in another spelling is no list's address."""
    return [re_path(r"^statuslists/(?P<number>[1-9][0-9]{0,11})$", status_list)]
