"""Budgets of wrong guesses: counted in the cache before a secret is checked, and given back unless it was wrong.

django-ratelimit counts up and never down. Here an attempt holds a place while its secret is checked, and gives it back; and what
was guessed wrong is told from what is under way. So these counters are the cache's own, atomic in Redis and in memory.
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

DAY = 86_400
LATE = 60  # seconds for which a window's counters outlive it, for attempts that began in it
WAITS = (1, 3, 12, 48, 288)  # times the window: 5 minutes, 15, an hour, 4 hours, a day
PAUSES = 12  # of 20 to 60 milliseconds each: half a second at most for who comes while others are under way
UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY}


class Rate(NamedTuple):
    """So many wrong guesses in so many seconds."""

    limit: int
    seconds: int

    @classmethod
    def read(cls, text: str) -> "Rate":
        """As django-ratelimit writes it, such as ``10/5m``."""
        limit, length, unit = re.findall(r"(\d+)/(\d*)([smhd])", text)[0]
        return cls(int(limit), int(length or 1) * UNITS[unit])


@dataclass(frozen=True)
class Budget:
    """The wrong guesses of ``owner`` in windows of time: an account, a name that nobody has, or an address.

    ``network`` sets the budget of one of the owner's networks apart. A budget that ``escalates`` stays closed longer each time
    that it is used up, up to a day, until it has not been for a day. One with a ``long_rate`` is also closed by that many wrong
    guesses in its window, such as a day, however slowly they come.
    """

    kind: str
    owner: str
    rate: str
    network: str = ""
    escalates: bool = False
    long_rate: str = ""

    def take(self) -> "Place":
        """Hold a place for one attempt. ``TooManyAttempts`` once the budget is used up.

        Who is refused merely because others are under way waits a moment for them; ``AttemptsUnderWay`` if that was too short.
        """
        for _ in range(PAUSES):
            if self.escalates and (wait := self.closed_for()):
                raise self._refusal(wait, self.used_up())
            place = self.place()
            if place.hold():
                return place
            if place.failures() >= self.allowed.limit:
                raise self._refusal(place.window - time.time(), self.allowed)
            time.sleep(random.uniform(0.02, 0.06))  # noqa: S311 (so that not all come back at once)
        raise AttemptsUnderWay(timedelta(seconds=1), Reason.ATTEMPTS_UNDER_WAY)

    def close(self, window: int) -> None:
        """Note that the last place was spent, and until when nobody else gets one."""
        wait = window - time.time()
        if self.escalates:
            level = min(max(cache.get(self.key("level"), 0), 0), len(WAITS) - 1)
            wait = min(self.allowed.seconds * WAITS[level], max(self.allowed.seconds, DAY))
            cache.set(self.key("level"), level + 1, timeout=wait + DAY)
        self._close_for(wait)

    def count_slow_guess(self) -> None:
        """Count a wrong guess in the long window, and close until its end when it is one too many."""
        if not self._long:
            return
        place = self._long.place()
        if (
            place.count_wrong() >= self._long.allowed.limit
        ):  # also later ones, in case another lock was written over this one
            self._close_for(max(place.window - time.time(), self.closed_for()))

    def used_up(self) -> Rate:
        """Return the rate that has closed it."""
        long = self._long
        return (
            long.allowed if long and long.place().failures() >= long.allowed.limit else self.allowed
        )

    def _close_for(self, wait: float) -> None:
        cache.set(self._closed, int(time.time() + wait), timeout=max(1, int(wait)))

    def closed_for(self) -> float:
        """Seconds until it opens again, 0 if it is open; of a budget with networks, those of the one that was closed last.

        A wait longer than any lock, even between clocks a day apart, is not one that this service wrote.
        """
        wait = cache.get(self._closed, 0) - time.time()
        return wait if 0 < wait <= self._longest + DAY else 0.0

    def first_refusal(self, wait: timedelta) -> bool:
        """Return whether this refusal is the first since the budget closed.

        Only that one goes on record: a flood of them would fill the audit log.
        """
        return bool(cache.add(self.key("refused"), 1, timeout=max(1, int(wait.total_seconds()))))

    def renew(self) -> None:
        """Open it, as if nobody had ever guessed."""
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
        """A place in the present window, not yet held."""
        return Place(self, self._window())

    @property
    def allowed(self) -> Rate:
        return Rate.read(self.rate)

    @property
    def _longest(self) -> int:
        """Seconds that a lock can last."""
        return max(self.allowed.seconds, DAY, self._long.allowed.seconds if self._long else 0)

    @property
    def _long(self) -> "Budget | None":
        """Its guesses in the long window, as a budget that is counted apart."""
        return (
            replace(
                self, kind=f"{self.kind}, long", rate=self.long_rate, escalates=False, long_rate=""
            )
            if self.long_rate
            else None
        )

    @property
    def _closed(self) -> str:
        return _key("closed", self.kind, self.owner)

    def key(self, name: str) -> str:
        return _key(name, self.kind, self.owner, self.network)

    def _window(self) -> int:
        """The end of the present window, in seconds since the epoch. A window begins with its first attempt.

        So nobody gets two budgets by guessing around a moment that the clock gives. All processes go by the one who came first;
        what no process can have written is overwritten.
        """
        key, period, at = self.key(f"window {self.rate}"), self.allowed.seconds, time.time()
        end = int(at) + period
        stored = cache.get(key, 0)
        if not stored and not cache.add(key, end, timeout=period):
            stored = cache.get(key, end)
        if not stored or abs(stored - at) <= period + DAY:
            return int(stored or end)
        cache.set(key, end, timeout=period)
        return end

    def _refusal(self, wait: float, used_up: Rate) -> TooManyAttempts:
        reason = Reason.GUESSES_BY_ADDRESS if self.kind == "address" else Reason.GUESSES_BY_NAME
        data = {"limit": used_up.limit, "seconds": used_up.seconds}
        return TooManyAttempts(timedelta(seconds=max(1.0, wait)), reason, data=data)


@dataclass(frozen=True)
class Place:
    """One attempt's place in a budget while its secret is checked, in the window in which it began.

    Held and spent places never exceed the limit: whoever counts too far takes that back. The place of a process that dies is lost
    until the window ends.
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
        """The count after the change. A count that is gone stays gone: its window ended, or somebody renewed the budget."""
        if change > 0 and cache.add(
            key, change, timeout=max(1, int(self.window - time.time())) + LATE
        ):
            return change
        try:
            return int(cache.incr(key, change))
        except ValueError:
            return 0


def _key(*parts: str) -> str:
    """Names are long and hold anything; keys are short and hold letters.

    Keyed, so that whoever sees the cache's keys cannot tell whose name is behind one by trying names.
    """
    return (
        "limits:"
        + salted_hmac(
            "accounts.attempt_budgets.key", "\0".join(parts), algorithm="sha256"
        ).hexdigest()
    )
