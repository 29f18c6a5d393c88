"""Time and network of the last use of keys, collected in memory and written by a thread.

A request costs no write. The first use is written about a second later, later uses at most once
a minute for each key and network; a process that is told to stop writes what it has collected.
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
from apikeys.audit_codes import KeyEventKind, KeyReason
from apikeys.models import APIKey, KnownAddress

GATHER_SECONDS = 1.0  # from a use until the write, which includes the uses in between
RETRY_SECONDS = 15.0  # from a write that the database refused until the next one
MIN_WRITE_INTERVAL = timedelta(minutes=1)  # between two writes for one key and network

logger = logging.getLogger(__name__)
Use = tuple[str, str]  # a key's id and a network
_lock = threading.Lock()
_writing = threading.Lock()
_unwritten: dict[Use, tuple[datetime, request_context.RequestContext]] = {}
_written: dict[Use, datetime] = {}  # last_used_at in the database, for uses of the last minute
_has_unwritten = threading.Event()
_in_background = False
_writer: threading.Thread | None = None


def write_in_background() -> None:
    """Let this process and its forks write by a thread. Commands and tests call ``write``."""
    global _in_background
    _in_background = True


def record(key_id: str) -> None:
    """Note that the key was used now, from the address in the request context."""
    context, at = request_context.current(), now()
    use = key_id, request_context.network(context.address)
    written = _written.get(use)
    if written and at - written < MIN_WRITE_INTERVAL:
        return
    with _lock:
        _unwritten[use] = at, context
    if _in_background:
        _ensure_writer()
        _has_unwritten.set()


def write() -> bool:
    """Write the collected uses. If the database refuses, keep them and return False."""
    with _writing:
        with _lock:
            uses = dict(_unwritten)
            _unwritten.clear()
        try:
            for use, (at, context) in uses.items():
                _write_one(use, at, context)
        except Error as error:
            logger.warning("uses of API keys wait to be written (%s)", type(error).__name__)
            with _lock:
                _unwritten.update({use: uses[use] for use in uses if use not in _unwritten})
            return False
        _forget_written_before(now() - MIN_WRITE_INTERVAL)
        return True


def clear() -> None:
    """Drop the uses that are not written, and the times of earlier writes."""
    with _lock:
        _unwritten.clear()
        _written.clear()


def _write_one(use: Use, at: datetime, context: request_context.RequestContext) -> None:
    key_id, network = use
    with transaction.atomic():
        due = Q(last_used_at=None) | Q(last_used_at__lte=at - MIN_WRITE_INTERVAL)
        APIKey.objects.filter(due, pk=key_id).update(last_used_at=at)
        key = APIKey.objects.filter(pk=key_id).first()
        if key and _is_another_network(key, network):
            with request_context.use(context):
                _record_new_network(key, network, at)
    if key:
        _written[use] = key.last_used_at or at


def _is_another_network(key: APIKey, network: str) -> bool:
    """Store the network; return whether it is new and not the key's first."""
    added = KnownAddress.objects.get_or_create(key=key, network=network)[1]
    return added and KnownAddress.objects.filter(key=key).exclude(network=network).exists()


def _record_new_network(key: APIKey, network: str, at: datetime) -> None:
    audit_log.record(
        KeyEventKind.KEY_USED_FROM_NEW_ADDRESS,
        at=at,
        user_id=key.owner_id,
        name=key.public_id,
        reason=KeyReason.NEW_NETWORK,
        data={"network": network},
    )


def _forget_written_before(moment: datetime) -> None:
    for use in [use for use, at in _written.items() if at <= moment]:
        del _written[use]


def _ensure_writer() -> None:
    """Start the thread with the process's first use: a thread does not survive a worker's fork."""
    global _writer
    if _writer is None or not _writer.is_alive():
        with _lock:
            if _writer is None or not _writer.is_alive():
                _writer = threading.Thread(target=_write_for_ever, name="key-usage", daemon=True)
                _writer.start()
                atexit.register(write)


def _write_for_ever() -> None:
    while _has_unwritten.wait():
        time.sleep(GATHER_SECONDS)
        _has_unwritten.clear()
        complete = write()
        connection.close()
        if not complete:
            time.sleep(RETRY_SECONDS)
            _has_unwritten.set()
