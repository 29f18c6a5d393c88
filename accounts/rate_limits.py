"""Rate limits, counted in the cache.

``login_attempt`` spends the budgets of wrong guesses, which every login shares (see
``accounts/attempt_budgets.py``). All other limits count with django-ratelimit.
"""

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

MAX_RECORDED_REFUSALS = "100/5m"  # of one network
MAX_NEW_NETWORK_MAILS = "3/7d"  # to one account
MAX_MAILS_ABOUT_ONE_NETWORK = "1/1d"  # to one account


@dataclass(frozen=True)
class LoginAttempt:
    """One check of a secret: the identifier as typed, its user if there is one, and the network.

    ``last_seen_at`` is when this user signed in from this network before. ``network`` is None
    where the client's address is not known.
    """

    identifier: str
    user: User | None
    last_seen_at: datetime | None
    network: str | None

    @classmethod
    def find(cls, identifier: str) -> "LoginAttempt":
        """Look the identifier up with one query, whether a user has it or not."""
        address = request_context.current().address
        from_network = network(address) if address else None
        return cls(identifier, *find_for_login(identifier, from_network), from_network)

    @property
    def from_known_network(self) -> bool:
        return (
            self.last_seen_at is not None
            and now() - self.last_seen_at < settings.KNOWN_NETWORK_LIFETIME
        )

    def budgets(self) -> list[Budget]:
        """Return the budgets that this attempt counts against.

        From a network that the account is known from, that is a budget of its own. From any other
        it is that of all strangers to the account together, and that of the address; clients
        without a known address have none, since one of them could shut out the others.
        """
        owner = account(self.user) if self.user else f"name:{normalise(self.identifier)}"
        if self.from_known_network:
            return [_network_budget(owner, str(self.network))]
        strangers = _strangers_budget(owner)
        return (
            [strangers, Budget("address", self.network, settings.LOGIN_RATE_PER_ADDRESS)]
            if self.network
            else [strangers]
        )


def account(user: User) -> str:
    """Return the owner of a user's budgets, the same for the user name and the address."""
    return f"account:{user.uuid}"


def _strangers_budget(owner: str) -> Budget:
    return Budget(
        "strangers",
        owner,
        settings.LOGIN_RATE_PER_NAME,
        escalates=True,
        long_rate=settings.LOGIN_RATE_PER_NAME_DAILY,
    )


def _network_budget(owner: str, known: str = "") -> Budget:
    return Budget("network", owner, settings.LOGIN_RATE_PER_NAME, known)


@contextmanager
def login_attempt(identifier: str) -> Iterator[LoginAttempt]:
    """Count one check of a secret, made in the block, before it is made.

    So no parallel guess slips through. ``InvalidCredentials`` from the block spends the budgets;
    any other end gives the places back. ``TooManyAttempts`` if a budget is used up, whatever the
    secret; an identifier without a user locks like any other.
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
                identifier=attempt.identifier,
                reason=refusal.reason,
                data=refusal.data,
            )
        raise


def _give_back(places: list[Place]) -> None:
    for place in places:
        place.give_back()


def unlock(user: User) -> None:
    """Renew the budgets of an account, and forget how often strangers have locked it."""
    owner = account(user)
    _strangers_budget(owner).renew()
    for known in user.known_networks.values_list("network", flat=True):
        _network_budget(owner, known).renew()


def locked_for(user: User) -> timedelta | None:
    """Return how long strangers' logins to this account are refused, or None."""
    return _wait(_strangers_budget(account(user)))


def locked_after(user: User) -> int:
    """Return how many wrong guesses closed, or would close, this account to strangers."""
    return _strangers_budget(account(user)).used_up().limit


def locked_on_known_networks_for(user: User) -> timedelta | None:
    """Return how long a network that the account is known from is refused, or None."""
    return _wait(_network_budget(account(user)))


def _wait(budget: Budget) -> timedelta | None:
    seconds = budget.closed_for()
    return timedelta(seconds=seconds) if seconds else None


def count(reason: str, value: str, rate: str) -> None:
    """Count one use of ``value``; ``TooManyAttempts`` beyond ``rate``, such as ``90/24h``."""
    usage = _count(reason, value, rate)
    if usage["should_limit"]:
        data = {"limit": usage["limit"], "seconds": Rate.read(rate).seconds}
        raise TooManyAttempts(timedelta(seconds=usage["time_left"]), reason, data=data)


def count_reset_request() -> None:
    """Count a request for a reset mail against the client's address, where that is known."""
    if address := request_context.current().address:
        count(Reason.RESET_MAILS, network(address), settings.FORGOT_RATE_PER_ADDRESS)


def record_refusal(kind: str, **about: Unpack[audit_log.Details]) -> None:
    """Record a refusal that any client can cause, within ``MAX_RECORDED_REFUSALS``.

    Without that limit a flood of them would fill the audit log.
    """
    client = network(request_context.current().address)
    if not _count("refusals on record", client, MAX_RECORDED_REFUSALS)["should_limit"]:
        audit_log.record(kind, **about)


def may_mail_about_network(user: User, network: str) -> bool:
    """Return whether to mail the user about a sign-in from a new network, and count that mail.

    There is one mail about each network, also for sign-ins at the same moment, and no more than
    ``MAX_NEW_NETWORK_MAILS``.
    """
    owner = account(user)
    about_it = _count("mails of one network", f"{owner} {network}", MAX_MAILS_ABOUT_ONE_NETWORK)
    if about_it["should_limit"]:
        return False
    return not _count("mails of new networks", owner, MAX_NEW_NETWORK_MAILS)["should_limit"]


def mails_left(subject: str, owner: UUID, rate: str) -> int | None:
    """Count a mail about ``subject`` against the account with this ``uuid``.

    Return how many more ``rate`` allows, or None if this one is too many.
    """
    usage = _count(f"mails of {subject}", f"account:{owner}", rate)
    return None if usage["should_limit"] else int(usage["limit"] - usage["count"])


def _count(group: str, value: str, rate: str) -> dict[str, Any]:
    """Count one use of ``value`` in ``group``, and return django-ratelimit's usage.

    The cache's key, and the end of the window, follow from SECRET_KEY too: no client can compute
    them. The salt stays, as that of ``attempt_budgets`` does.
    """
    keyed = salted_hmac("accounts.limits", value, algorithm="sha256").hexdigest()
    usage: dict[str, Any] = get_usage(
        None, group=group, key=lambda *_: keyed, rate=rate, increment=True
    )
    return usage
