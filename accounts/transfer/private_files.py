"""Files that name people: for their owner's eyes only."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def private(name: str) -> Iterator[TextIO]:
    """A new text file that only its owner may read, whatever was there before."""
    with open(
        name,
        "w",
        encoding="utf-8",
        newline="",
        opener=lambda path, flags: os.open(path, flags, 0o600),
    ) as file:
        os.fchmod(file.fileno(), 0o600)
        yield file
