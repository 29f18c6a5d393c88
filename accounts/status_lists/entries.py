"""The ended sessions of a list, read from the database."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from struct import Struct
from typing import NamedTuple

from django.db.models import BigIntegerField, F, IntegerField, Max, Sum, Value
from django.db.models.functions import Cast, Now

from accounts.models import DeletedSession, Session
from accounts.status_lists.indices import SIZE

# A login writes its row within milliseconds of taking its number, on nodes whose clocks differ by
# minutes. Of a number taken longer ago, a row that is missing was deleted.
UNDER_WAY = timedelta(minutes=15)
# A session's end may be committed this long after the time that it states, and is found still.
LATE_COMMIT = timedelta(minutes=10)
WORD_BITS = 32
WORD = Struct("<I")


class Newest(NamedTuple):
    """The highest number of a session, and the database's time."""

    status_index: int
    at: datetime


def newest() -> Newest | None:
    """Return the highest number that a session has; None before the first."""
    rows = Session.objects.filter(status_index__isnull=False).order_by("-status_index")
    row = rows.values_list("status_index", Now()).first()
    return Newest(*row) if row else None


def ended_since(at: datetime) -> list[int]:
    """Return the numbers of the sessions that ended since a time of the database.

    Also those that ended up to ``LATE_COMMIT`` before: one of them may just have been committed.
    """
    since = at - LATE_COMMIT
    revoked = Session.objects.filter(revoked_at__gte=since, status_index__isnull=False)
    deleted = DeletedSession.objects.filter(deleted_at__gte=since)
    numbers = [rows.values_list("status_index", flat=True) for rows in (revoked, deleted)]
    return [number for number in numbers[0].union(numbers[1], all=True) if number is not None]


def ended(number: int) -> bytearray:
    """Return the bitmap of the ended sessions of a list, in the order of logins.

    Its lowest bit is the first session (4.1 of the draft). A session that is missing has ended,
    unless its number was taken a moment ago, or not yet.
    """
    first = (number - 1) * SIZE
    settled = max(0, min(_settled() + 1 - first, SIZE))  # so many of its numbers
    bitmap = _not_live(first, settled)
    for offset in _ended_later(first, settled):
        bitmap[offset >> 3] |= 1 << (offset & 7)
    return bitmap


def _settled() -> int:
    """Return a number that was taken some time ago: so were all below it."""
    before = Now() - UNDER_WAY
    opened = Session.objects.filter(created_at__lt=before).order_by("-created_at")
    deleted = DeletedSession.objects.filter(deleted_at__lt=before)
    last = opened.values_list("status_index", flat=True).first()
    gone = deleted.aggregate(last=Max("status_index"))["last"]
    return max(last or 0, gone or 0)


def _not_live(first: int, count: int) -> bytearray:
    """Return the bitmap of the first ``count`` sessions of a list without those that are live."""
    bitmap = bytearray(((1 << count) - 1).to_bytes(SIZE // 8, "little"))
    for word, live in _live_words(first, first + count):
        at = (word * WORD_BITS - first) // 8
        (all_of_it,) = WORD.unpack_from(bitmap, at)
        WORD.pack_into(bitmap, at, all_of_it & ~int(live))
    return bitmap


def _live_words(first: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the bits of the live sessions in each word of 32.

    The database adds them up, so that there is a row for each word and not for each session.
    """
    number = F("status_index")
    position = Cast(number.bitand(WORD_BITS - 1), IntegerField())
    bit = Cast(Value(1), BigIntegerField()).bitleftshift(position)  # type: ignore[arg-type]
    live = Session.objects.filter(
        status_index__gte=first, status_index__lt=end, revoked_at__isnull=True
    )
    words = live.order_by().values(word=number.bitrightshift(5)).annotate(bits=Sum(bit))
    yield from words.values_list("word", "bits") if end > first else ()


def _ended_later(first: int, settled: int) -> Iterator[int]:
    """Yield the offsets of the sessions that ended with a row, or left a number behind.

    Of the first ``settled`` ones it is known what is missing.
    """
    numbers = {"status_index__gte": first + settled, "status_index__lt": first + SIZE}
    revoked = Session.objects.filter(**numbers, revoked_at__isnull=False)
    for rows in (revoked, DeletedSession.objects.filter(**numbers)):
        numbers_of = rows.values_list("status_index", flat=True)
        yield from (number - first for number in numbers_of if number is not None)
