"""When, and from where, keys were last used: noted in memory by requests, written a second later by a thread of the process.

So a request costs no write. The first use shows at once, later ones are written at most once a minute, and what was noted when the
process is told to stop is written too.
"""

import atexit
import logging
import threading
import time
from datetime import datetime, timedelta

from django.db import Error, connection, transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts import request_context
from accounts.audit import audit_log
from apikeys.models import APIKey, KnownAddress

GATHER = 1.0  # seconds between a use and its writing, in which others join it
RETRY = 15.0  # seconds until what the database did not take is written again
EVERY = timedelta(minutes=1)  # between two writes of one key's last use

logger = logging.getLogger(__name__)
Use = tuple[str, str]  # a key's id and a network
_lock = threading.Lock()
_writing = threading.Lock()
_noted: dict[Use, tuple[datetime, request_context.Origin]] = {}
_stored: dict[Use, datetime] = {}  # what the database has, of uses in the last minute
_something = threading.Event()
_in_background = False
_writer: threading.Thread | None = None


def write_in_background() -> None:
    """Let this process, and those forked from it, write by themselves. Others, such as commands and tests, call ``write``."""
    global _in_background
    _in_background = True


def note(key_id: str) -> None:
    """The key was used now, from the address of the request under way."""
    here, at = request_context.current(), now()
    use = key_id, request_context.network(here.address)
    stored = _stored.get(use)
    if stored and at - stored < EVERY:
        return
    with _lock:
        _noted[use] = at, here
    if _in_background:
        _start()
        _something.set()


def write() -> bool:
    """Put down what was noted; what the database does not take is kept for the next time, and False says so."""
    with _writing:
        with _lock:
            noted = dict(_noted)
            _noted.clear()
        try:
            for use, (at, here) in noted.items():
                _write_one(use, at, here)
        except Error as error:
            logger.warning("uses of API keys wait to be written (%s)", type(error).__name__)
            with _lock:
                _noted.update({use: noted[use] for use in noted if use not in _noted})
            return False
        _forget_older(now() - EVERY)
        return True


def forget() -> None:
    """Drop what was noted and not written, and what is known of earlier writes."""
    with _lock:
        _noted.clear()
        _stored.clear()


def _write_one(use: Use, at: datetime, here: request_context.Origin) -> None:
    key_id, network = use
    with transaction.atomic():
        older = Q(last_used_at=None) | Q(last_used_at__lte=at - EVERY)
        APIKey.objects.filter(older, pk=key_id).update(last_used_at=at)
        key = APIKey.objects.filter(pk=key_id).first()
        if key and _is_another(key, network):
            with request_context.entered(here):
                audit_log.record(
                    audit_log.Kind.KEY_USED_FROM_NEW_ADDRESS,
                    at=at,
                    user_id=key.owner_id,
                    name=key.public_id,
                    reason=audit_log.Reason.NEW_NETWORK,
                    data={"network": network},
                )
    if key:
        _stored[use] = key.last_used_at or at


def _is_another(key: APIKey, network: str) -> bool:
    """Remember the network; return whether it is new beside others. There is nothing to compare a key's first one with."""
    added = KnownAddress.objects.get_or_create(key=key, network=network)[1]
    return added and KnownAddress.objects.filter(key=key).exclude(network=network).exists()


def _forget_older(moment: datetime) -> None:
    for use in [use for use, at in _stored.items() if at <= moment]:
        del _stored[use]


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
    while _something.wait():
        time.sleep(GATHER)
        _something.clear()
        written = write()
        connection.close()
        if not written:
            time.sleep(RETRY)
            _something.set()
