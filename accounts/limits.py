"""Budgets for guessing, counted by django-ratelimit in the cache: one for every way in, by name and by address."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from secrets import token_hex
from typing import Any, Unpack

from django.conf import settings
from django.core.cache import cache
from django_ratelimit.core import get_usage

from accounts import audit, origin
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.identifiers import normalise

ON_RECORD = "100/5m"


@contextmanager
def guessing(identifier: str) -> Iterator[None]:
    """Around one check of a secret: counted before it is made, and given back unless the guess was wrong.

    Counting first lets no parallel guess slip through. Raises ``TooManyAttempts`` when the budget of the name, as it was
    typed, or of the address is used up, whatever the secret; so a name that nobody has locks like any other.
    """
    budgets = [("name", _generation(normalise(identifier)), settings.LOGIN_RATE_PER_NAME)]
    if address := origin.current().address:  # a budget that all without one share would let one client shut out the others
        budgets.append(("address", network(address), settings.LOGIN_RATE_PER_ADDRESS))
    taken = []
    try:
        for budget in budgets:
            _take(*budget, typed=identifier)
            taken.append(budget)
        yield
    except InvalidCredentials:
        raise
    except BaseException:
        _give_back(taken)
        raise
    else:
        _give_back(taken)


def unlock(*identifiers: str | None) -> None:
    """Renew the budgets of an account's names: whoever keeps guessing at them cannot lock their owner out for ever."""
    for identifier in filter(None, identifiers):
        cache.set(_generation_key(normalise(identifier)), token_hex(4), timeout=86_400)


def locked_for(*identifiers: str | None) -> timedelta | None:
    """How long an account's names stay locked, the longest of them; None if none is."""
    waits = []
    for identifier in filter(None, identifiers):
        name = _generation(normalise(identifier))
        taken = _usage("guesses by name", name, settings.LOGIN_RATE_PER_NAME)
        if taken["count"] - _usage("right guesses by name", name, settings.LOGIN_RATE_PER_NAME)["count"] >= taken["limit"]:
            waits.append(timedelta(seconds=taken["time_left"]))
    return max(waits, default=None)


def count(group: str, value: str, rate: str) -> None:
    """Count one use of ``value``; ``TooManyAttempts`` beyond ``rate``, as in ``90/24h``."""
    usage = _usage(group, value, rate, increment=True)
    if usage["should_limit"]:
        raise _refused(usage, f"more than {rate} of {group}")


def asking_for_mail() -> None:
    """Count a request for a reset mail against the address that it comes from, where that is known."""
    if origin.current().address is None:  # a budget that all of these share would let one client shut out the others
        return
    count("reset mails", network(origin.current().address), settings.FORGOT_RATE_PER_ADDRESS)


def record_refusal(kind: str, **about: Unpack[audit.About]) -> None:
    """Put on the trail what anybody can cause at will: of one address no more than ``ON_RECORD``, or a flood would fill it."""
    if not _usage("refusals on record", network(origin.current().address), ON_RECORD, increment=True)["should_limit"]:
        audit.record(kind, **about)


def network(address: str | None) -> str:
    """What an address is counted as: an IPv4 address is itself, an IPv6 one its /64, of which one subscriber has all."""
    if address is None:
        return "unknown"
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def _generation(name: str) -> str:
    """The name as its present budget counts it: another one after each unlocking."""
    return f"{cache.get(_generation_key(name), '')}:{name}"


def _generation_key(name: str) -> str:
    return f"limits:{sha256(name.encode()).hexdigest()}"


def _take(budget: str, value: str, rate: str, *, typed: str) -> None:
    """Count a guess; django-ratelimit only counts up, so what was given back is counted beside it, in the same window."""
    taken = _usage(f"guesses by {budget}", value, rate, increment=True)
    if not taken["should_limit"]:
        return
    failures = taken["count"] - _usage(f"right guesses by {budget}", value, rate)["count"]
    if failures > taken["limit"]:
        refusal = _refused(taken, f"more than {rate} wrong guesses by {budget}", name=typed)
        if failures == taken["limit"] + 1:  # once for each window, or a flood would fill the trail
            audit.record(audit.Kind.THROTTLED, name=typed, reason=refusal.reason)
        raise refusal


def _give_back(budgets: list[tuple[str, str, str]]) -> None:
    for budget, value, rate in budgets:
        _usage(f"right guesses by {budget}", value, rate, increment=True)


def _usage(group: str, value: str, rate: str, *, increment: bool = False) -> dict[str, Any]:
    usage: dict[str, Any] = get_usage(None, group=group, key=lambda *_: value, rate=rate, increment=increment)
    return usage


def _refused(usage: dict[str, Any], reason: str, name: str = "") -> TooManyAttempts:
    return TooManyAttempts(timedelta(seconds=usage["time_left"]), reason, name=name)
