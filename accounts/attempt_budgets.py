"""Budgets of wrong guesses: counted in the cache before a secret is checked.

django-ratelimit counts up and never down. Here an attempt holds a place in a budget while its
secret is checked, and gives it back unless the secret was wrong; wrong guesses are counted apart.
So these counters are the cache's own, atomic in Redis and in memory.
"""

import random
import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from django.core.cache import cache
from django.utils.crypto import salted_hmac

from accounts.audit.reasons import Reason
from accounts.errors import AttemptsUnderWay, TooManyAttempts

DAY_SECONDS = 86_400
# A window's counters outlive it by this long, for attempts that began in it.
COUNTER_OVERLAP_SECONDS = 60
# Length of each further lock, in windows: 5 minutes, 15, an hour, 4 hours, a day.
LOCK_WINDOWS = (1, 3, 12, 48, 288)
# An attempt waits for others under way half a second at most.
MAX_PAUSES = 12
PAUSE_SECONDS = (0.02, 0.06)
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS}


class Rate(NamedTuple):
    """A number of wrong guesses in a number of seconds."""

    limit: int
    seconds: int

    @classmethod
    def read(cls, text: str) -> "Rate":
        """Read a rate as django-ratelimit writes it, such as ``10/5m``."""
        limit, length, unit = re.findall(r"(\d+)/(\d*)([smhd])", text)[0]
        return cls(int(limit), int(length or 1) * UNIT_SECONDS[unit])


@dataclass(frozen=True)
class Budget:
    """The wrong guesses that ``owner`` may make in a window of time.

    The owner is an account, an identifier without an account, or an address. ``purpose`` tells
    several budgets of one owner apart, and ``network`` those of its networks. A budget that
    ``escalates`` stays closed longer each time that it is used up, up to a day, until it has not
    been used up for a day. One with a ``long_rate`` is also closed by that many wrong guesses in
    its window, such as a day, however slowly they come.
    """

    purpose: str
    owner: str
    rate: str
    network: str = ""
    escalates: bool = False
    long_rate: str = ""

    def take(self) -> "Place":
        """Return a held place for one attempt; ``TooManyAttempts`` once the budget is used up.

        An attempt for which others under way leave no place waits a moment for them, and is
        refused with ``AttemptsUnderWay`` if that was too short.
        """
        for _ in range(MAX_PAUSES):
            if self.escalates and (wait := self.closed_for()):
                raise self._refusal(wait, self.used_up())
            place = self.place()
            if place.hold():
                return place
            if place.failures() >= self.allowed.limit:
                raise self._refusal(place.window - time.time(), self.allowed)
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 (not all come back at once)
        raise AttemptsUnderWay(timedelta(seconds=1), Reason.ATTEMPTS_UNDER_WAY)

    def close(self, window: int) -> None:
        """Close the budget, whose last place was spent, for the window or the escalated wait."""
        wait = window - time.time()
        if self.escalates:
            level = min(max(cache.get(self.key("level"), 0), 0), len(LOCK_WINDOWS) - 1)
            wait = min(
                self.allowed.seconds * LOCK_WINDOWS[level], max(self.allowed.seconds, DAY_SECONDS)
            )
            cache.set(self.key("level"), level + 1, timeout=wait + DAY_SECONDS)
        self._close_for(wait)

    def count_slow_guess(self) -> None:
        """Count a wrong guess in the long window; close until its end if it is one too many."""
        if not self._long:
            return
        place = self._long.place()
        # Later guesses close it again, in case another lock was written over this one.
        if place.count_wrong() >= self._long.allowed.limit:
            self._close_for(max(place.window - time.time(), self.closed_for()))

    def used_up(self) -> Rate:
        """Return the rate that closed the budget, or would close it."""
        long = self._long
        return (
            long.allowed if long and long.place().failures() >= long.allowed.limit else self.allowed
        )

    def _close_for(self, wait: float) -> None:
        cache.set(self._closed, int(time.time() + wait), timeout=max(1, int(wait)))

    def closed_for(self) -> float:
        """Return the seconds until the budget opens again, 0 if it is open.

        Without a ``network``, that is of the owner's network that was closed last. A wait longer
        than any lock, even between clocks a day apart, is not one that this service wrote.
        """
        wait = cache.get(self._closed, 0) - time.time()
        return wait if 0 < wait <= self._longest + DAY_SECONDS else 0.0

    def first_refusal(self, wait: timedelta) -> bool:
        """Return whether this refusal is the first since the budget closed.

        Only that one goes on record: a flood of them would fill the audit log.
        """
        return bool(cache.add(self.key("refused"), 1, timeout=max(1, int(wait.total_seconds()))))

    def renew(self) -> None:
        """Open the budget, as if nobody had ever guessed."""
        place = self.place()
        long = [self._long.place().failed] if self._long else []
        for key in (
            place.taken,
            place.failed,
            *long,
            self._closed,
            self.key("level"),
            self.key("refused"),
        ):
            cache.delete(key)

    def place(self) -> "Place":
        """Return a place in the present window, not yet held."""
        return Place(self, self._window())

    @property
    def allowed(self) -> Rate:
        return Rate.read(self.rate)

    @property
    def _longest(self) -> int:
        """Return the seconds that a lock can last at most."""
        return max(
            self.allowed.seconds, DAY_SECONDS, self._long.allowed.seconds if self._long else 0
        )

    @property
    def _long(self) -> "Budget | None":
        """Return the budget that counts the guesses of the long window."""
        return (
            replace(
                self,
                purpose=f"{self.purpose}, long",
                rate=self.long_rate,
                escalates=False,
                long_rate="",
            )
            if self.long_rate
            else None
        )

    @property
    def _closed(self) -> str:
        return _key("closed", self.purpose, self.owner)

    def key(self, name: str) -> str:
        return _key(name, self.purpose, self.owner, self.network)

    def _window(self) -> int:
        """Return the end of the present window, in seconds since 1970.

        A window begins with its first attempt, so nobody gets two budgets by guessing around a
        moment of the clock. All processes go by the one that came first; an end that no process
        can have written is overwritten.
        """
        key, period, at = self.key(f"window {self.rate}"), self.allowed.seconds, time.time()
        end = int(at) + period
        stored = cache.get(key, 0)
        if not stored and not cache.add(key, end, timeout=period):
            stored = cache.get(key, end)
        if not stored or abs(stored - at) <= period + DAY_SECONDS:
            return int(stored or end)
        cache.set(key, end, timeout=period)
        return end

    def _refusal(self, wait: float, used_up: Rate) -> TooManyAttempts:
        by_address = self.purpose == "address"
        reason = Reason.GUESSES_BY_ADDRESS if by_address else Reason.GUESSES_BY_IDENTIFIER
        data = {"limit": used_up.limit, "seconds": used_up.seconds}
        return TooManyAttempts(timedelta(seconds=max(1.0, wait)), reason, data=data)


@dataclass(frozen=True)
class Place:
    """A place in a budget, held by one attempt while its secret is checked.

    ``window`` is the end of the window in which the attempt began. Held and spent places never
    exceed the limit: an attempt that counts too far takes that back. The place of a process that
    dies is lost until the window ends.
    """

    budget: Budget
    window: int

    def hold(self) -> bool:
        if self._add(self.taken, 1) <= self.budget.allowed.limit:
            return True
        self._add(self.taken, -1)
        return False

    def give_back(self) -> None:
        self._add(self.taken, -1)

    def spend(self) -> None:
        """Keep the place: the guess was wrong."""
        if self.count_wrong() == self.budget.allowed.limit:
            self.budget.close(self.window)
        self.budget.count_slow_guess()

    def count_wrong(self) -> int:
        return self._add(self.failed, 1)

    def failures(self) -> int:
        return int(cache.get(self.failed, 0))

    @property
    def taken(self) -> str:
        return self.budget.key(f"taken {self.budget.rate} {self.window}")

    @property
    def failed(self) -> str:
        return self.budget.key(f"failed {self.budget.rate} {self.window}")

    def _add(self, key: str, change: int) -> int:
        """Return the count after the change.

        A count that is gone stays gone: its window ended, or the budget was renewed.
        """
        timeout = max(1, int(self.window - time.time())) + COUNTER_OVERLAP_SECONDS
        if change > 0 and cache.add(key, change, timeout=timeout):
            return change
        try:
            return int(cache.incr(key, change))
        except ValueError:
            return 0


def _key(*parts: str) -> str:
    """Return the cache's key: a keyed digest, since identifiers are long and hold anything.

    A reader of the cache cannot tell the identifier behind a key by trying some. Another salt would
    forget all locks, and part the nodes of a rolling upgrade.
    """
    return (
        "limits:"
        + salted_hmac("accounts.budgets.key", "\0".join(parts), algorithm="sha256").hexdigest()
    )
