"""Configuration of the database and the cache, from their addresses."""

from pathlib import Path
from typing import Any

import environ

from authsvc import local_files, postgresql
from authsvc.environment import number

MEMORY_CACHE: dict[str, Any] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}
# A node of an earlier release writes pickles under version 1, and cannot read JSON.
CACHE_VERSION = 2


def database(url: str, sqlite_file: Path) -> dict[str, Any]:
    """Return the database of DATABASE_URL, or without one the SQLite file under DATA_DIR."""
    if url:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    else:
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(sqlite_file)}
    if "sqlite" not in config["ENGINE"]:
        return config | {"ENGINE": "authsvc.postgresql", "OPTIONS": _postgresql_options(config)}
    local_files.check_sqlite(config["NAME"], "DATABASE_URL" if url else "DATA_DIR")
    return config | {
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    }


def _postgresql_options(config: dict[str, Any]) -> dict[str, Any]:
    pool = {
        "min_size": 1,
        "max_size": number("DATABASE_POOL_SIZE", 8, least=1),
        "timeout": 5,
        "reconnect_timeout": 2,
    }
    return {"pool": pool, **postgresql.CONNECTION, **config.get("OPTIONS", {})}


def caches(redis_url: str) -> dict[str, dict[str, Any]]:
    """Return the default cache, in Redis if there is one, and the cache of this process."""
    if not redis_url:
        return {"default": MEMORY_CACHE, "memory": MEMORY_CACHE}
    redis = {
        "BACKEND": "authsvc.cache.ResilientRedisCache",
        "LOCATION": redis_url,
        "VERSION": CACHE_VERSION,
        "OPTIONS": {
            "socket_timeout": 0.5,
            "socket_connect_timeout": 0.5,
            "health_check_interval": 30,
        },
    }
    return {"default": redis, "memory": MEMORY_CACHE}
