"""When, and from where, keys were last used: noted in memory by requests, written by a thread of the process every half minute.

So a request costs no write, ``last_used_at`` is exact to a minute, and what was noted when the process is told to stop is written too.
"""

import atexit
import logging
import threading
import time
from datetime import datetime

from django.db import Error, connection, transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts import audit, limits, origin
from apikeys.models import APIKey, KnownAddress

PAUSE = 30.0  # seconds

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_writing = threading.Lock()
_noted: dict[tuple[str, str], tuple[datetime, origin.Origin]] = {}
_writer: threading.Thread | None = None


def note(key_id: str) -> None:
    """The key was used now, from the address of the request under way."""
    here = origin.current()
    with _lock:
        _noted[key_id, limits.network(here.address)] = (now(), here)
    _start()


def write() -> None:
    """Put down what was noted; what the database does not take is kept for the next time."""
    with _writing:
        with _lock:
            noted = dict(_noted)
            _noted.clear()
        try:
            for (key_id, network), (at, here) in noted.items():
                _write_one(key_id, network, at, here)
        except Error as error:
            logger.warning("uses of API keys wait to be written (%s)", type(error).__name__)
            with _lock:
                _noted.update({use: noted[use] for use in noted if use not in _noted})


def forget() -> None:
    """Drop what was noted and not written."""
    with _lock:
        _noted.clear()


@transaction.atomic
def _write_one(key_id: str, network: str, at: datetime, here: origin.Origin) -> None:
    APIKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=at), pk=key_id).update(last_used_at=at)
    key = APIKey.objects.filter(pk=key_id).first()
    if key and KnownAddress.objects.get_or_create(key=key, network=network)[1]:
        with origin.entered(here):
            audit.record(audit.Kind.KEY_USED_FROM_NEW_ADDRESS, user_id=key.owner_id, name=key.public_id, reason=network)


def _start() -> None:
    """Begin with the first use in this process: a thread would not survive the fork that makes a worker."""
    global _writer
    if _writer is None or not _writer.is_alive():
        with _lock:
            if _writer is None or not _writer.is_alive():
                _writer = threading.Thread(target=_run, name="key-usage", daemon=True)
                _writer.start()
                atexit.register(write)


def _run() -> None:
    while True:
        time.sleep(PAUSE)
        write()
        connection.close()
