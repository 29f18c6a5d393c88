"""Redis where there is one, and each process's own memory while it is gone."""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError, ResponseError

PAUSE = 5.0  # seconds until a Redis that failed is asked again: meanwhile no request waits for it
DAY = 86_400
COUNTABLE = range(-(2**63), 2**63)  # what Redis itself counts in
UNREADABLE = re.compile(
    "WRONGTYPE|not an integer|would overflow"
)  # in Redis's words: about a value, not about the server

logger = logging.getLogger(__name__)


class Unreadable(ValueError):
    """Redis holds something else under this key than the number or text that is asked for."""


class JSONSerializer:
    """Values as JSON: whoever can write to Redis can change counts, but run no code as with Django's pickles."""

    def dumps(self, value: Any) -> int | str:
        return (
            value if type(value) is int else json.dumps(value, allow_nan=False)
        )  # INCR wants whole numbers raw, and JSON has them so

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class ResilientRedisCache(RedisCache):
    """Counts in Redis, so that all processes share a budget; without Redis each process goes on counting for itself.

    A limit is then as many times looser as there are processes, but never gone, and no login fails for want of a cache.
    A value that cannot be read, such as a pickle of an earlier version, is missing.
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
        """Also the default for a value of another type than the default that is given, or for a number that Redis cannot count to."""
        try:
            value = self._ask(super().get, "get", key, default, version)
        except (ValueError, RecursionError):  # no JSON
            return default
        readable = default is None or type(value) is type(default)
        return value if readable and (type(value) is not int or value in COUNTABLE) else default

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask(super().set, "set", *args, **kwargs)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> Any:
        try:
            return self._ask(super().incr, "incr", key, delta, version)
        except Unreadable:
            self.set(key, delta, DAY, version)
            return delta

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
                if isinstance(error, ResponseError) and UNREADABLE.search(str(error)):
                    raise Unreadable(verb) from error
                ResilientRedisCache._silent_until = time.monotonic() + PAUSE
                logger.warning(
                    "Redis does not answer (%s): this process counts attempts for itself",
                    type(error).__name__,
                )
        memory = caches["memory"]
        if verb == "incr":
            memory.add(args[0], 0)  # a count that Redis began goes on here from nothing
        return getattr(memory, verb)(*args, **kwargs)
