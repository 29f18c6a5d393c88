"""Check of every contract's paths at start: each is answered by its own view, and by no other."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import Resolver404, URLPattern, URLResolver
from django.urls.resolvers import RegexPattern, RoutePattern

from authsvc.contracts import shared_paths
from authsvc.contracts.contract_checks import refuse

SHARED = f"{shared_paths.MOUNT}/"
# Values of path converters, of which one fits each of Django's.
SAMPLES = ("x", "1", "00000000-0000-0000-0000-000000000000")


def check(patterns: Sequence[URLResolver | URLPattern]) -> None:
    """Stop the start where another pattern before it answers a path of a contract.

    A second route on one path would be dead, and so would a mount below another contract's path.
    """
    resolver = URLResolver(RegexPattern(r"^/"), patterns)
    for path, view in _views(patterns):
        if _view_at(resolver, f"/{path}") is not view:
            refuse(view.initkwargs["contract"], f"its path /{path} is answered by another route")


def _views(
    patterns: Sequence[URLResolver | URLPattern], start: str = ""
) -> Iterator[tuple[str, Any]]:
    """Return the views, each with a sample path, without those that shared_paths.py orders."""
    for each in patterns:
        sample = _sample(each)
        if isinstance(each, URLResolver) and sample and sample != SHARED:
            yield from _views(each.url_patterns, start + sample)
        elif isinstance(each, URLPattern) and sample and hasattr(each.callback, "initkwargs"):
            yield start + sample, each.callback


def _sample(pattern: URLResolver | URLPattern) -> str:
    """Return a path that matches a pattern, or nothing where it is a regular expression."""
    route = pattern.pattern
    if not isinstance(route, RoutePattern):
        return ""
    path = str(route)
    for name, converter in route.converters.items():
        value = next((each for each in SAMPLES if re.fullmatch(converter.regex, each)), "")
        path = re.sub(rf"<([^<>:]+:)?{name}>", value, path)
    return path


def _view_at(resolver: URLResolver, path: str) -> object:
    try:
        return resolver.resolve(path).func
    except Resolver404:
        return None
