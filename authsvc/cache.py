"""Cache in Redis that falls back to each process's own memory while Redis is gone."""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError, ResponseError

RETRY_SECONDS = 5.0  # until a Redis that failed is asked again: no request waits for it meanwhile
REPLACED_COUNT_SECONDS = 86_400  # lifetime of a count that takes the place of an unreadable value
REDIS_INTEGERS = range(-(2**63), 2**63)
# Redis's own errors about a value, not about the server.
UNREADABLE = re.compile("WRONGTYPE|not an integer|would overflow")

logger = logging.getLogger(__name__)


class Unreadable(ValueError):
    """The value in Redis is not the number or text that is asked for."""


class JSONSerializer:
    """Serializer of values as JSON.

    Unlike with Django's pickles, write access to Redis changes counts but runs no code.
    """

    def dumps(self, value: Any) -> int | str:
        # INCR needs whole numbers as they are, which JSON has too.
        return value if type(value) is int else json.dumps(value, allow_nan=False)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class ResilientRedisCache(RedisCache):
    """Redis cache whose counts are shared by all processes; without Redis, each counts for itself.

    A limit is then as many times looser as there are processes, but never gone, and no login fails.
    A value that cannot be read, such as a pickle of an earlier version, counts as missing.
    """

    _silent_until = 0.0

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(
            server,
            {**params, "OPTIONS": {**params.get("OPTIONS", {}), "serializer": JSONSerializer}},
        )

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().add, "add", *args, **kwargs)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or ``default``.

        Also for a value of another type than ``default``, or a number outside REDIS_INTEGERS.
        """
        try:
            value = self._ask(super().get, "get", key, default, version)
        except (ValueError, RecursionError):  # no JSON
            return default
        readable = default is None or type(value) is type(default)
        return (
            value if readable and (type(value) is not int or value in REDIS_INTEGERS) else default
        )

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().set, "set", *args, **kwargs)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        try:
            return self._ask(super().incr, "incr", key, delta, version)
        except Unreadable:
            self.set(key, delta, REPLACED_COUNT_SECONDS, version)
            return delta

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().delete, "delete", *args, **kwargs)

    def ping(self) -> bool:
        """Return whether Redis itself answers."""
        try:
            return bool(self._cache.get_client(write=True).ping())
        except RedisError:
            return False

    def _ask(self, redis: Callable[..., Any], verb: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= ResilientRedisCache._silent_until:
            try:
                return redis(*args, **kwargs)
            except RedisError as error:
                if isinstance(error, ResponseError) and UNREADABLE.search(str(error)):
                    raise Unreadable(verb) from error
                ResilientRedisCache._silent_until = time.monotonic() + RETRY_SECONDS
                logger.warning(
                    "Redis does not answer (%s): this process counts attempts for itself",
                    type(error).__name__,
                )
        memory = caches["memory"]
        if verb == "incr":
            memory.add(args[0], 0)  # a count that Redis began goes on here from nothing
        return getattr(memory, verb)(*args, **kwargs)
