"""Readers of the environment: each returns a variable's value, or stops the start.

A wrong value raises ``ImproperlyConfigured`` with a sentence that names the variable and never its
value, which may be secret. ``NAME_FILE``, where it is set, names a file that holds ``NAME``.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_LENGTH = 32  # characters

env = environ.FileAwareEnv()
env.ENVIRON = environ.FileAwareMapping(cache=False)  # a file is read as it is now


def text(name: str, default: str = "") -> str:
    """Return the value of NAME, or the content of the file that NAME_FILE names, both stripped."""
    try:
        return str(env.str(name, "")).strip() or default
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(
            f"{name}_FILE must name a text file that this process may read."
        ) from None


def read(name: str, parse: Callable[[str], Any], default: Any, wanted: str) -> Any:
    """Return the parsed value of a variable, or ``default`` where it is unset or empty."""
    try:
        return parse(given) if (given := text(name)) else default
    except (ValueError, KeyError, OverflowError):
        raise ImproperlyConfigured(f"{name} must be {wanted}.") from None


def flag(name: str, default: bool | None) -> Any:
    values = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    return read(name, lambda given: values[given.lower()], default, "true or false")


def number(name: str, default: int, least: int = 0, most: int = 10**9 - 1) -> Any:
    wanted = (
        f"a whole number, {least} or more"
        if most == 10**9 - 1
        else f"a whole number from {least} to {most}"
    )
    return read(
        name, lambda given: range(least, most + 1).index(int(given)) + least, default, wanted
    )


def matching(pattern: str) -> Callable[[str], re.Match[str]]:
    """Return a parser of what matches ``pattern`` as a whole."""

    def parse(given: str) -> re.Match[str]:
        if found := re.fullmatch(pattern, given, re.ASCII):
            return found
        raise ValueError(pattern)

    return parse


def duration(name: str, default: timedelta | None, least: timedelta = timedelta(0)) -> Any:
    """Return a length of time of ``least`` or more, at most ten years."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

    def parse(given: str) -> timedelta:
        count, unit = matching(r"([1-9]\d{0,8})([smhd]?)")(given).groups()
        length = timedelta(seconds=int(count) * units[unit])
        if length < least:
            raise ValueError("too short")
        return min(length, timedelta(days=3650))

    wanted = "a duration of more than nothing, such as 900, 15m, 24h or 30d"
    if least:
        wanted += f", and {f'{least.days}d' if least.days else f'{least.seconds}s'} or more"
    return read(name, parse, default, wanted)


def rate(name: str, default: str) -> Any:
    """Return a rate as django-ratelimit writes it."""
    return read(
        name,
        lambda given: matching(r"[1-9]\d*/([1-9]\d*)?[smhd]")(given).group(),
        default,
        "a rate, such as 10/5m",
    )


def pattern(name: str, expression: str, wanted: str) -> str:
    """Return a value that the whole expression matches, or nothing where it is unset."""
    return str(read(name, lambda given: matching(expression)(given).group(), "", wanted))


def secrets(name: str) -> Any:
    """Return the secrets that stand between commas, each of MIN_SECRET_LENGTH or more."""

    def parse(given: str) -> list[str]:
        found = [secret.strip() for secret in given.split(",")]
        if min(map(len, found)) < MIN_SECRET_LENGTH:
            raise ValueError("too short")
        return found

    wanted = f"secrets of {MIN_SECRET_LENGTH} characters or more each, separated by commas"
    return read(name, parse, [], wanted)


def origins(name: str) -> Any:
    """Return the origins that stand between commas, in lower case (RFC 6454, 6.1)."""
    origin = matching(r"[a-z][a-z0-9+.-]*://[^/?#@*\s]+")

    def parse(given: str) -> list[str]:
        return [origin(each.strip().lower()).group() for each in given.split(",") if each.strip()]

    wanted = "origins such as https://app.example.com, separated by commas"
    return read(name, parse, [], wanted)


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return the words that stand between commas."""
    return [word.strip() for word in text(name, ",".join(default)).split(",") if word.strip()]


def one_of(name: str, choices: tuple[str, ...]) -> Any:
    """Return one of ``choices``, the first of them by default."""
    return read(
        name,
        lambda given: choices[choices.index(given)],
        choices[0],
        f"one of {', '.join(choices)}",
    )


def address(name: str, default: str, schemes: tuple[str, ...], wanted: str) -> Any:
    """Return a URL of one of these schemes, with a numeric port if any, and no slash at its end."""

    def parse(given: str) -> str:
        parts = urlsplit(given)
        if parts.scheme not in schemes or (parts.port is not None and not parts.port):
            raise ValueError(schemes)
        return given.rstrip("/")

    return read(name, parse, default, wanted)
