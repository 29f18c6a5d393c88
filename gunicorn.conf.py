"""Configuration of gunicorn, which `manage.py serve` starts; settings come from the environment."""

import gc
import os
import socket
import sys
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver
from gunicorn import util

from authsvc.server.unreadable_requests import write_error

# By default for this machine only. Others: BIND=0.0.0.0, BIND=[::], BIND=10.0.0.5:80 or
# BIND=unix:/run/authsvc.sock.
_address = os.environ.get("BIND", "127.0.0.1")
_whole = _address.startswith("unix:") or _address.rpartition(":")[2].isdigit()
bind = _address if _whole else f"{_address}:{os.environ.get('PORT', '8000')}"

# One process with threads by default: several need REDIS_URL, or each would count for itself.
# THREADS=1 makes sync workers: faster, but without keep-alive, and only for use behind a proxy that
# buffers requests.
_processes = os.environ.get("WEB_CONCURRENCY", "")
# The settings refuse anything else.
workers = int(_processes) if _processes.isdecimal() and int(_processes) else 1
# A login waits in its thread for its hash; as many are computed at once as there are processors
# (accounts/hashing/pool.py). Sixteen threads suffice for a burst of logins, and one stays free.
threads = int(os.environ.setdefault("THREADS", "16"))  # and the settings read it there
worker_class = "authsvc.server.worker.PatientThreadWorker" if threads > 1 else "sync"

# Errors of gunicorn itself are JSON too: every kind of worker calls this attribute of the module.
util.write_error = write_error

# A container has ten seconds between SIGTERM and SIGKILL; open requests take a fraction of one.
graceful_timeout = 8
timeout = 30
# Longer than proxies keep an idle connection (nginx and AWS: 60 s), so that the proxy closes first.
keepalive = 75

# No access log: paths carry reset tokens. The audit log says who did what.
accesslog = None

# TRUSTED_PROXIES decides which proxies are believed: no header changes scheme or path here.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# The heartbeat file belongs in memory, since a busy disk would look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# Commands arrive as signals: no socket under $HOME, which may be read-only in a container.
control_socket_disable = True

# The application is loaded once, and the workers are forked from it. That is safe because loading
# opens no connection: Django, psycopg's pool and the Redis client connect with the first query of
# each worker.
preload_app = True


def on_starting(server):  # type: ignore[no-untyped-def]
    """Refuse an address of another machine, and ``--workers`` where WEB_CONCURRENCY is refused."""
    for host, port in (address for address in server.cfg.address if isinstance(address, tuple)):
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.bind((host, 0 if port < 2**16 else port))
        except (OSError, OverflowError) as error:
            wanted = (
                "an address of this machine, such as 127.0.0.1, 0.0.0.0, [::] or "
                "unix:/run/authsvc.sock"
            )
            sys.exit(f"authsvc cannot start: BIND must be {wanted} ({error}).")
    if server.cfg.workers > 1 and not getattr(settings, "REDIS_URL", "none is known of"):
        why = "since each process would count wrong passwords for itself"
        sys.exit(
            f"authsvc cannot start: --workers (WEB_CONCURRENCY) above 1 needs REDIS_URL, {why}."
        )


def nworkers_changed(server, new_value, old_value):  # type: ignore[no-untyped-def]
    """Log an error when a signal (TTIN) adds a process that needs Redis."""
    if old_value and new_value > 1 and not getattr(settings, "REDIS_URL", "none is known of"):
        server.log.error(
            "REDIS_URL is not set: %d processes count wrong passwords each for itself", new_value
        )


def when_ready(server):  # type: ignore[no-untyped-def]
    """Print the address, load the URLs, and freeze the memory that workers share.

    A garbage collection would write to it, and so copy it into each worker.
    """
    if public := getattr(settings, "PUBLIC_URL", ""):
        print(f"Serving on {public}", flush=True)  # the port is bound now
    get_resolver()._populate()
    gc.collect()
    gc.freeze()
    # A request makes thousands of objects and hardly a cycle: search for cycles less often.
    gc.set_threshold(10_000, 20, 20)
