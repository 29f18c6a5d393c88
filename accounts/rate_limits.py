"""Limits, counted in the cache: one budget of wrong guesses for every way in, and limits of other kinds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Unpack
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.timezone import now
from django_ratelimit.core import get_usage

from accounts import request_context
from accounts.attempt_budgets import Budget, Place, Rate
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import AttemptsUnderWay, InvalidCredentials, TooManyAttempts
from accounts.identifiers import normalise
from accounts.models import User
from accounts.models.login_lookup import find_for_login
from accounts.request_context import network

ON_RECORD = "100/5m"
MAILS_OF_NETWORKS = "3/7d"


@dataclass(frozen=True)
class LoginAttempt:
    """Somebody who says who they are: what was typed, the account that has this name, if one has, and from where they come."""

    identifier: str
    user: User | None
    last_seen_at: datetime | None  # when this account signed in from this network before
    network: str | None

    @classmethod
    def find(cls, identifier: str) -> "LoginAttempt":
        """With one query, for a known name as for an unknown one."""
        address = request_context.current().address
        here = network(address) if address else None
        return cls(identifier, *find_for_login(identifier, here), here)

    @property
    def from_known_network(self) -> bool:
        return (
            self.last_seen_at is not None
            and now() - self.last_seen_at < settings.KNOWN_NETWORK_LIFETIME
        )

    def budgets(self) -> list[Budget]:
        """An account's budget for the network it is known from; else that of all strangers together, and that of the address.

        A budget that all clients without a known address share would let one shut out the others, so these have none.
        """
        owner = account(self.user) if self.user else f"name:{normalise(self.identifier)}"
        if self.from_known_network:
            return [_of_network(owner, str(self.network))]
        strangers = _of_strangers(owner)
        return (
            [strangers, Budget("address", self.network, settings.LOGIN_RATE_PER_ADDRESS)]
            if self.network
            else [strangers]
        )


def account(user: User) -> str:
    """The owner of an account's budgets: whether its user name or its address was typed, and whatever both are called later."""
    return f"account:{user.uuid}"


def _of_strangers(owner: str) -> Budget:
    return Budget(
        "strangers",
        owner,
        settings.LOGIN_RATE_PER_NAME,
        escalates=True,
        long_rate=settings.LOGIN_RATE_PER_NAME_DAILY,
    )


def _of_network(owner: str, known: str = "") -> Budget:
    return Budget("network", owner, settings.LOGIN_RATE_PER_NAME, known)


@contextmanager
def login_attempt(identifier: str) -> Iterator[LoginAttempt]:
    """Around one check of a secret: counted before it is made, and given back unless the secret was wrong.

    Counting first lets no parallel guess slip through. Raises ``TooManyAttempts`` when a budget is used up, whatever the secret;
    a name that nobody has locks like any other.
    """
    attempt = LoginAttempt.find(identifier)
    places: list[Place] = []
    try:
        for budget in attempt.budgets():
            places.append(_take(budget, attempt))
        yield attempt
    except InvalidCredentials:
        for place in places:
            place.spend()
        raise
    except BaseException:
        _give_back(places)
        raise
    else:
        _give_back(places)


def _take(budget: Budget, attempt: LoginAttempt) -> Place:
    try:
        return budget.take()
    except TooManyAttempts as refusal:
        refusal.name = attempt.identifier
        if not isinstance(refusal, AttemptsUnderWay) and budget.first_refusal(refusal.retry_after):
            audit_log.record(
                audit_log.Kind.THROTTLED,
                user=attempt.user,
                name=attempt.identifier,
                reason=refusal.reason,
                data=refusal.data,
            )
        raise


def _give_back(places: list[Place]) -> None:
    for place in places:
        place.give_back()


def unlock(user: User) -> None:
    """Renew the budgets of an account, and forget how often strangers have locked it: they cannot lock its owner out for ever."""
    owner = account(user)
    _of_strangers(owner).renew()
    for known in user.known_networks.values_list("network", flat=True):
        _of_network(owner, known).renew()


def locked_for(user: User) -> timedelta | None:
    """Return how long strangers are refused this account's logins, whatever their password; None if they are not."""
    return _wait(_of_strangers(account(user)))


def locked_after(user: User) -> int:
    """Return how many wrong guesses have closed, or would close, this account's logins to strangers."""
    return _of_strangers(account(user)).used_up().limit


def locked_at_home_for(user: User) -> timedelta | None:
    """Return how long a network that the account is known from is refused; None if none is."""
    return _wait(_of_network(account(user)))


def _wait(budget: Budget) -> timedelta | None:
    seconds = budget.closed_for()
    return timedelta(seconds=seconds) if seconds else None


def count(budget: Reason, value: str, rate: str) -> None:
    """Count one use of ``value``; ``TooManyAttempts`` for this reason beyond ``rate``, as in ``90/24h``."""
    usage = _usage(budget, value, rate, increment=True)
    if usage["should_limit"]:
        raise _refused(usage, budget, rate)


def asking_for_mail() -> None:
    """Count a request for a reset mail against the address that it comes from, where that is known."""
    if (
        request_context.current().address is None
    ):  # a budget that all of these share would let one client shut out the others
        return
    count(
        Reason.RESET_MAILS,
        network(request_context.current().address),
        settings.FORGOT_RATE_PER_ADDRESS,
    )


def record_refusal(kind: str, **about: Unpack[audit_log.Details]) -> None:
    """Record what anybody can cause at will: of one address no more than ``ON_RECORD``, or a flood would fill it."""
    if not _usage(
        "refusals on record", network(request_context.current().address), ON_RECORD, increment=True
    )["should_limit"]:
        audit_log.record(kind, **about)


def may_tell_of_network(user: User, network: str) -> bool:
    """Return whether to tell of a sign-in from a new network by mail.

    Each network is told of once, also for sign-ins at the same moment, within ``MAILS_OF_NETWORKS``.
    """
    key = f"{account(user)} {network}"
    if _usage("mails of one network", key, "1/1d", increment=True)["should_limit"]:
        return False
    return not _usage("mails of new networks", account(user), MAILS_OF_NETWORKS, increment=True)[
        "should_limit"
    ]


def mails_left(subject: str, owner: UUID, rate: str) -> int | None:
    """Count a mail about ``subject`` against the account with this ``uuid``.

    Return how many more ``rate`` allows, or None if this one is too many.
    """
    usage = _usage(f"mails of {subject}", f"account:{owner}", rate, increment=True)
    return None if usage["should_limit"] else int(usage["limit"] - usage["count"])


def _usage(group: str, value: str, rate: str, *, increment: bool = False) -> dict[str, Any]:
    """The count of ``value``. Its key, and when its window ends, follow from SECRET_KEY too, so nobody else can compute them."""
    keyed = salted_hmac("accounts.rate_limits", value, algorithm="sha256").hexdigest()
    usage: dict[str, Any] = get_usage(
        None, group=group, key=lambda *_: keyed, rate=rate, increment=increment
    )
    return usage


def _refused(usage: dict[str, Any], reason: Reason, rate: str) -> TooManyAttempts:
    data = {"limit": usage["limit"], "seconds": Rate.read(rate).seconds}
    return TooManyAttempts(timedelta(seconds=usage["time_left"]), reason, data=data)
