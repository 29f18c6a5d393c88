"""Redis where there is one, and each process's own memory while it is gone."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

PAUSE = 5.0  # seconds until a Redis that failed is asked again: meanwhile no request waits for it

logger = logging.getLogger(__name__)


class ResilientRedisCache(RedisCache):
    """Counts in Redis, so that all processes share a budget; without Redis each process goes on counting for itself.

    A limit is then as many times looser as there are processes, but never gone, and no login fails for want of a cache.
    """

    _silent_until = 0.0

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().add, "add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().get, "get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().set, "set", *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().incr, "incr", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().delete, "delete", *args, **kwargs)

    def ping(self) -> bool:
        """Whether Redis itself answers."""
        try:
            return bool(self._cache.get_client(write=True).ping())
        except RedisError:
            return False

    def _ask(self, redis: Callable[..., Any], verb: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= ResilientRedisCache._silent_until:
            try:
                return redis(*args, **kwargs)
            except RedisError as error:
                ResilientRedisCache._silent_until = time.monotonic() + PAUSE
                logger.warning("Redis does not answer (%s): this process counts attempts for itself", type(error).__name__)
        memory = caches["memory"]
        if verb == "incr":
            memory.add(args[0], 0)  # a count that Redis began goes on here from nothing
        return getattr(memory, verb)(*args, **kwargs)
