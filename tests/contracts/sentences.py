"""Check of what error responses say."""

from typing import Any


def is_sentence(text: Any) -> bool:
    """Return whether it is a sentence for a user, and no page or traceback."""
    return (
        isinstance(text, str)
        and 0 < len(text) < 300
        and "<" not in text
        and "Traceback" not in text
    )
