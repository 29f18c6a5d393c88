"""Status lists in this process's memory, each as true as its last look at the database."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from django.db import DatabaseError, InterfaceError

from accounts import keyring
from accounts.keyring import Key
from accounts.status_lists import entries, indices, signed_list
from accounts.status_lists.signed_list import SignedList

MAX_LISTS = 128  # in memory, of 40 to 130 KB each; of other ones only a token of 1 KB is kept
ALL_ENDED = bytearray(b"\xff" * (indices.SIZE // 8))  # the bitmap of a list that never changes
RELOAD_SECONDS = 3600.0  # until a list is read anew as a whole, whatever was found meanwhile
WAIT_SECONDS = 1.0  # for another request that reads the database, if there is no list of this ttl
MAX_WAITING = 4  # requests of a process that may
RETRY_SECONDS = 5.0  # until a database that failed is asked again


class UnknownList(LookupError):
    """A number that no session's list has."""


class ListUnavailable(Exception):
    """The database does not answer, and the list in memory has expired or there is none."""


@dataclass
class StatusList:
    """One list, its bits in the order of its indices; without ``compressed`` they have changed."""

    number: int
    bitmap: bytearray
    loaded_at: float
    used_at: float = field(default_factory=time.monotonic)
    compressed: bytes = b""
    signed: SignedList | None = None

    def is_ready(self, at: int, key: Key) -> bool:
        """Return whether it can be sent as it was signed last: ``at`` this time, by this key."""
        return (
            self.signed is not None
            and self.signed.issued == at
            and self.signed.kid == key.kid
            and bool(self.compressed)
        )

    def end(self, offset: int) -> None:
        """Mark a session as ended, which is for good (7.1)."""
        index = indices.permuted(offset)
        if not self.bitmap[index >> 3] >> (index & 7) & 1:
            self.bitmap[index >> 3] |= 1 << (index & 7)
            self.compressed = b""

    def sign(self, at: int, key: Key) -> SignedList:
        """Return the list, signed by this key as true ``at`` this time."""
        if self.signed is None or not self.is_ready(at, key):
            self.compressed = self.compressed or signed_list.compress(self.bitmap)
            self.signed = signed_list.sign(self.number, self.compressed, key, at)
        return self.signed


class ServedLists:
    """The lists that one process serves.

    It asks the database twice in a ``ttl`` what has changed, while requests come: so no list is
    older than one. One request does so, and the others get the last list meanwhile. If that is
    older than a ``ttl``, a few of them wait a second for a new one; an expired one is not sent.
    """

    def __init__(self) -> None:
        self._lists: dict[int, StatusList] = {}
        self._lock = threading.Lock()
        self._places_to_wait = threading.BoundedSemaphore(MAX_WAITING)
        self.clear()

    def clear(self) -> None:
        """Forget all lists and what is known of the database."""
        self._lists.clear()
        self._checked_at = self._failed_at = float("-inf")
        self._checked_time = 0  # the same as ``_checked_at``, in seconds since 1970
        self._since: datetime | None = None  # by the database's clock
        self._highest = 0

    @property
    def age(self) -> float:
        """Seconds since the database was asked."""
        return time.monotonic() - self._checked_at

    @property
    def ttl(self) -> float:
        return signed_list.ttl().total_seconds()

    def fresh_seconds(self, signed: SignedList) -> int:
        """Return the seconds until this list may be older than one ``ttl``, and at least one."""
        return max(1, int(self.ttl - self.age)) if signed.issued == self._checked_time else 1

    def get(self, number: int) -> SignedList:
        """Return list ``number``; ``UnknownList``, or ``ListUnavailable``."""
        if self.age < self.ttl / 2:
            self._check_number(number)
        found = self._lists.get(number)
        signed = self._kept(found) if found else None
        if found and signed and self._is_new(found):
            return signed
        if not self._has_failed:
            outdated = signed is None or time.time() - signed.issued > self.ttl
            signed = self._updated(number, may_wait=outdated) or signed
        if signed is None:
            raise ListUnavailable
        return signed

    def _kept(self, found: StatusList) -> SignedList | None:
        """Return a list as it was signed last, unless it has expired. Remember that it is used."""
        found.used_at = time.monotonic()
        return None if found.signed is None or found.signed.has_expired else found.signed

    def _is_new(self, found: StatusList) -> bool:
        """Return whether it can be sent again without the database, which is not asked here."""
        if self.age >= self.ttl / 2 or not (ring := keyring.loaded()):
            return False
        return found.is_ready(self._checked_time, ring.current)

    @property
    def _has_failed(self) -> bool:
        return time.monotonic() - self._failed_at <= RETRY_SECONDS

    def _updated(self, number: int, *, may_wait: bool) -> SignedList | None:
        """Return the list after a look at the database; None if it fails, or others look now."""
        if not self._acquire(may_wait):
            return None
        try:
            return None if self._has_failed else self._signed(number)
        except (DatabaseError, InterfaceError):
            self._failed_at = time.monotonic()
            return None
        finally:
            self._lock.release()

    def _signed(self, number: int) -> SignedList:
        if self.age >= self.ttl / 2:
            self._find_changes()
        self._check_number(number)
        signed = self._loaded(number).sign(self._checked_time, keyring.current())
        self._failed_at = float("-inf")  # whoever gave up waiting was wrong
        return signed

    def _acquire(self, may_wait: bool) -> bool:
        """Acquire the lock. Few requests may wait for it: the threads are there for others, too.

        One that has waited in vain takes the database for failed, so that no others wait.
        """
        if self._lock.acquire(blocking=False):
            return True
        if not may_wait or not self._places_to_wait.acquire(blocking=False):
            return False
        try:
            if self._lock.acquire(timeout=WAIT_SECONDS):
                return True
            self._failed_at = time.monotonic()
            return False
        finally:
            self._places_to_wait.release()

    def _check_number(self, number: int) -> None:
        """Refuse a number beyond the next list: logins may have begun that one just now."""
        if number > indices.list_of(self._highest) + 1:
            raise UnknownList(number)

    def _find_changes(self) -> None:
        began, began_time = time.monotonic(), int(time.time())
        newest = entries.newest()
        if self._since is None:
            self._lists.clear()
        elif self.age < RELOAD_SECONDS:  # lists from before are read anew
            for status_index in entries.ended_since(self._since):
                if found := self._lists.get(indices.list_of(status_index)):
                    found.end(status_index % indices.SIZE)
        if newest:
            self._highest, self._since = max(self._highest, newest.status_index), newest.at
        self._checked_at, self._checked_time = began, began_time

    def _loaded(self, number: int) -> StatusList:
        """Return a list from memory, or from the database."""
        found = self._lists.get(number)
        if found is None or time.monotonic() - found.loaded_at > RELOAD_SECONDS:
            self._lists[number] = found = self._read(number)
            self._make_room()
        return found

    def _read(self, number: int) -> StatusList:
        """Return a list from the database; one whose sessions have all ended is kept for good."""
        began = time.monotonic()
        bitmap = indices.scattered(entries.ended(number))
        if bitmap == ALL_ENDED:
            return StatusList(number, ALL_ENDED, loaded_at=float("inf"))
        return StatusList(number, bitmap, began)

    def _make_room(self) -> None:
        """Forget the list that was not used for longest, if there are too many that may change."""
        changing = [each for each in self._lists.values() if each.bitmap is not ALL_ENDED]
        if len(changing) > MAX_LISTS:
            del self._lists[min(changing, key=attrgetter("used_at")).number]


lists = ServedLists()
