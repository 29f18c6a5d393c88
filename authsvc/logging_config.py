"""Configuration of Python's logging: errors and warnings, never what a client has typed.

Paths may hold reset tokens, so Django's own lines about refused paths stay out.
"""

from typing import Any


def logging_config(log_format: str, *, serving: bool) -> dict[str, Any]:
    """Return the value of LOGGING; ``log_format`` is ``text`` or ``json``.

    A command that cannot connect ends with a message of its own: only a server logs the pool.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_context": {"()": "authsvc.logs.RequestContextFilter"},
            "pages": {"()": "authsvc.logs.PagesFilter"},
        },
        "formatters": {"text": TEXT, "json": JSON},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "filters": ["request_context"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["pages"]},
            "django.security": {"level": "CRITICAL"},
            "django.server": {"level": "WARNING"},
            "psycopg.pool": {"level": "WARNING" if serving else "CRITICAL"},
        },
    }


TEXT = {
    "()": "authsvc.logs.EscapingFormatter",
    "format": "{asctime} {levelname} {name} [{request_id}] {message}",
    "style": "{",
}
JSON = {
    "()": "pythonjsonlogger.json.JsonFormatter",
    "fmt": "{asctime}{levelname}{name}{request_id}{contract}{message}",
    "style": "{",
    "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
}
