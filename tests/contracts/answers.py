"""Answers as a client sees them."""

from typing import Any


def is_sentence(text: Any) -> bool:
    """Return whether it is a sentence for a user, and no page or traceback."""
    return (
        isinstance(text, str)
        and 0 < len(text) < 300
        and "<" not in text
        and "Traceback" not in text
    )


def plainly(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """Return all that a client can see of an answer, but for the request's own id."""
    return (
        answer.status_code,
        answer.content,
        {name: value for name, value in answer.headers.items() if name != "X-Request-ID"},
    )
